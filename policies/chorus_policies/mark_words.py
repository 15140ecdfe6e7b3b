"""The words that ``marks`` knows. English; chosen for prompts of pictures and clips.

A word that is missing is no mark, so nothing is rejected for it; a word too many rejects donors
that could have served.
"""


def _group(**names: str) -> dict[str, str]:
    """Return each word of the texts with the name it stands under."""
    return {word: name for name, words in names.items() for word in words.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Phrases that are one word for our purpose; the longest of those that overlap comes first.
PHRASES = {
    "in front of": "front",
    "in the foreground": "foreground",
    "on the top of": "above",
    "on top of": "above",
    "no one": "nobody",
    "black and white": "monochrome",
    "black & white": "monochrome",
    "a pair of": "two",
    "a couple of": "two",
    "a handful of": "several",
    "a lot of": "several",
    "lots of": "several",
    "plenty of": "several",
    "a few": "several",
    "close up": "closeup",
    "close-up": "closeup",
    "up close": "closeup",
    "dressed up": "dressed",
    "lit up": "lit",
    "right now": "now",
    "devoid of": "without",
    "free of": "without",
    "lack of": "without",
    "instead of": "without",
    "turned off": "unlit",
    "switched off": "unlit",
    "turned on": "lit",
    "switched on": "lit",
    "upside down": "inverted",
    "all over": "everywhere",
    "over the shoulder": "shoulder",
}

COUNTS: dict[str, int | str] = {
    "no": 0, "zero": 0, "one": 1, "single": 1, "two": 2, "both": 2, "twin": 2, "twins": 2,
    "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "dozen": 12, "hundred": 100, "thousand": 1000, "several": "some",
    "many": "some", "multiple": "some", "numerous": "some", "countless": "some",
}  # fmt: skip

#: What a number before it does not count.
UNITS = _words(
    "k d p mm cm m km fps hz px x s sec secs second seconds min minutes mp ev iso st nd rd th "
    "percent hd f am pm"
)

NEGATIONS = frozenset(["not", "never", "without", "nobody", "nothing", "none", "cannot", "lacking"])

COLOURS = _group(
    red="red crimson scarlet ruby",
    orange="orange amber",
    yellow="yellow",
    green="green emerald",
    blue="blue navy azure cobalt",
    cyan="cyan teal turquoise",
    purple="purple violet lilac",
    magenta="magenta fuchsia",
    pink="pink",
    brown="brown tan beige",
    black="black",
    white="white",
    grey="grey gray",
    silver="silver",
    gold="gold golden",
    maroon="maroon burgundy",
)

DIRECTIONS = _group(
    left="left leftward leftwards",
    right="right rightward rightwards",
    up="up upward upwards uphill upstairs ascending ascends climbing rising rises",
    down="down downward downwards downhill downstairs descending descends falling falls",
    forward="forward forwards",
    backward="backward backwards reverse",
    clockwise="clockwise",
    counterclockwise="counterclockwise anticlockwise",
    north="north northward",
    south="south southward",
    east="east eastward",
    west="west westward",
    entering="entering enters arriving arrives",
    leaving="leaving leaves departing departs exiting exits",
    toward="toward towards approaching approaches",
    away="away",
    horizontal="horizontal horizontally",
    vertical="vertical vertically",
    inverted="inverted",
    foreground="foreground",
    background="background",
)

#: "in" and "out" are directions only after these.
WITH_IN_OR_OUT = _words(
    "zoom zooms zooming zoomed fade fades fading dolly push pushes pull pulls walk walks walking "
    "go goes going come comes coming move moves moving breathe breathes breathing"
)

#: Opposites: a side matters only where the other prompt takes another side of the same pair.
OPPOSITES = {
    word: (axis, side)
    for axis, sides in {
        "time": _group(
            night="night nighttime midnight nocturnal moonlit moonlight",
            day="day daytime daylight noon midday sunlit",
            dawn="dawn sunrise morning",
            dusk="dusk sunset sundown evening twilight",
        ),
        "season": _group(
            winter="winter wintry snowy", summer="summer", spring="springtime", autumn="autumn fall"
        ),
        "weather": _group(
            wet="rain rainy raining stormy storm", dry="sunny sunshine cloudless clear"
        ),
        "age": _group(old="old elderly aged ancient", young="young youthful baby newborn modern"),
        "size": _group(
            large="big large huge giant enormous gigantic massive",
            small="small tiny little miniature",
        ),
        "sex": _group(
            male="man men boy boys male king prince", female="woman women girl girls female queen"
        ),
        "mood": _group(
            glad="happy smiling joyful cheerful laughing", sad="sad crying weeping gloomy sorrowful"
        ),
        "opening": _group(open="open opened opening opens", shut="closed closing shut closes"),
        "speed": _group(slow="slow slowly", fast="fast quickly rapid rapidly speeding"),
        "motion": _group(
            still="standing motionless parked stationary", running="running driving racing"
        ),
        "fill": _group(full="full filled crowded", empty="empty deserted abandoned"),
        "heat": _group(hot="hot burning", cold="cold frozen freezing icy"),
        "water": _group(moist="wet soaked", parched="dry dried"),
        "light": _group(dark="dark unlit", bright="bright lit illuminated"),
        "place": _group(inside="indoors indoor", outside="outdoors outdoor"),
    }.items()
    for word, side in sides.items()
}

#: Relations of which it matters who is on which end, in every form of the verb.
RELATIONS = _group(
    above="above over atop",
    below="below under underneath beneath",
    behind="behind",
    before="front",
    inside="inside",
    outside="outside",
    chase="chases chasing chased",
    follow="follows following followed",
    lead="leads leading led",
    eat="eats eating eaten",
    bite="bites biting bitten",
    attack="attacks attacking attacked",
    fight="fights fighting",
    hunt="hunts hunting hunted",
    carry="carries carrying carried",
    hold="holds holding held",
    ride="rides riding ridden",
    push="pushes pushing pushed",
    pull="pulls pulling pulled",
    kiss="kisses kissing kissed",
    hug="hugs hugging hugged",
    feed="feeds feeding fed",
    teach="teaches teaching taught",
    watch="watches watching watched",
    lift="lifts lifting lifted",
    throw="throws throwing thrown",
    kick="kicks kicking kicked",
    catch="catches catching caught",
    rescue="rescues rescuing rescued",
    overtake="overtakes overtaking overtaken",
)

DETERMINERS = _words(
    "a an the this that these those his her its their my your our some any of and or with"
)

#: Words between an actor and its relation that are not the actor.
NOT_ACTING = _words(
    "is are was were be been being who which that has have had gets getting slowly quickly gently "
    "happily and then also just still now high low far directly right left placed located set "
    "positioned seated perched parked stands stand sits sit lies lie hangs hang flies fly floats "
    "float runs run walks walk rests rest the a an closely eagerly softly quietly"
)

#: Words that stand between a count or a colour and its noun.
ADJECTIVES = _words(
    "shiny big large huge giant small tiny little old young new vintage modern ancient beautiful "
    "pretty cute fluffy furry soft hard bright dark light pale deep vivid glowing wooden metal "
    "metallic plastic glass stone leather silk woolen cotton striped spotted smooth rough round "
    "square tall short long wide narrow thin thick fat slim heavy happy sad angry smiling sleepy "
    "sleeping running flying walking standing sitting dancing playing jumping parked wild stray "
    "adorable lovely gorgeous elegant majestic colorful colourful realistic photorealistic "
    "detailed cinematic very extremely quite really different identical similar separate other "
    "fresh ripe juicy wet dry clean dirty empty full broken rusty sporty fast slow antique classic "
    "fancy simple plain ornate delicate sparkling gleaming shining translucent transparent neon "
    "british american japanese italian french german chinese persian siamese bengal arctic "
    "tropical medieval futuristic fluorescent polished matte glossy people's open closed male "
    "female human single lone solitary"
)

#: Plurals that do not end in "s", and words for the same thing.
IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "kids": "child", "kid": "child",
    "people": "person", "persons": "person", "feet": "foot", "mice": "mouse", "geese": "goose",
    "wolves": "wolf", "leaves": "leaf", "knives": "knife", "butterflies": "butterfly",
    "puppies": "puppy", "cities": "city", "babies": "baby", "ladies": "lady", "teeth": "tooth",
    "berries": "berry", "cherries": "cherry", "bunnies": "bunny", "ponies": "pony",
    "automobile": "car", "automobiles": "car", "someone": "person", "anyone": "person",
    "buses": "bus", "boxes": "box", "foxes": "fox", "dishes": "dish", "glasses": "glasses",
    "roses": "rose", "horses": "horse", "houses": "house",
}  # fmt: skip

#: Nouns that end like a verb form and can act.
ENDING_IN_ING = _words("building string ceiling clothing evening morning earring")
