"""Prompt: the parts a text-to-video prompt is made of, and its text."""

from typing import NamedTuple

from chorus_traces.synth.vocabulary import Frame


class Prompt(NamedTuple):
    """One version of a prompt; an edit replaces parts and leaves the rest word for word.

    ``lead`` opens the text ("a", "the", "" or a shot), ``details`` follow the head after commas,
    ``parameters`` (`-ar 16:9 -motion 2`) close it.
    """

    frame: Frame
    lead: str
    adjective: str
    subject: str
    companion: str
    action: str
    setting: str
    details: tuple[str, ...]
    parameters: str
    stop: str

    def head(self) -> str:
        """Return the text up to the first comma."""
        subject = self.subject
        if subject[0] == "~":
            noun = f"{self.adjective} {subject[1:]}" if self.adjective else subject[1:]
        else:
            noun = f"{self.adjective} {subject}" if self.adjective else subject
            if self.lead == "a":
                noun = f"an {noun}" if _sounds_open(noun) else f"a {noun}"
            elif self.lead:
                noun = f"{self.lead} {noun}"
        if self.companion:
            noun = f"{noun} {self.companion}"
        if self.action:
            noun = f"{noun} {self.action}"
        return f"{noun} {self.setting}" if self.setting else noun

    def text(self) -> str:
        """Return the prompt as its user would type it."""
        text = self.head()
        if self.details:
            text = f"{text}, {', '.join(self.details)}"
        text += self.stop
        return f"{text} {self.parameters}" if self.parameters else text


def _sounds_open(noun: str) -> bool:
    """Whether ``noun`` takes "an"."""
    return (noun[0] in "aeiou" and not noun.startswith("uni")) or noun.startswith("hour")
