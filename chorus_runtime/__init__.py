"""The runtime: full reuse, SRD and TGAA really executed on diffusers video transformers."""
