"""What a simulated run leaves out: what it is, and what that means for the numbers."""

NOT_MODELLED = {
    "The quality of a clip made with reuse": "no frame is generated. Whether a donor above a "
    "threshold gives an acceptable clip must be measured on the model itself.",
    "The work of deciding which regions differ": "SRD computes the share of the latent the policy "
    "predicts; segmentation, or an LLM that compares prompts, would add to every hit.",
    "Users who react": "arrivals are fixed by the trace. Nobody waits for one clip before asking "
    "for the next, gives up, or asks again because an answer was slow or poor.",
    "Batching, and one clip on several GPUs": "a GPU serves one request at a time.",
    "Waiting for a donor": "identical requests wait for the first and copy it; a request that is "
    "only similar to a run in flight does not wait until that run has something to share.",
    "Failures": "no restarts, no autoscaling, no start-up of workers; the cache begins empty once, "
    "or as --preload filled it.",
    "Contention": "loads and stores run at the profile's rate however many happen at once, and one "
    "cache is shared by all GPUs.",
    "Priorities, quotas and fairness between tenants": "first come, first served.",
    "Everything outside the worker": "upload, safety checks, delivery, and what they cost.",
    "Contracts": "no discounts, no reserved capacity, no idle hours outside the run.",
}
