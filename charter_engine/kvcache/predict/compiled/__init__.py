"""The simulation of a workload in runs of blocks: what `BlockManager` would do with it, at the work
of a branch of the prompts' tree instead of that of a block.

Prompts are paths through a path-compressed tree (`workload.path_tree`). Every request uses each
edge of its path from end to end, so the blocks of an edge that were released together stay
together: they share level, priority, duration and deadline, and follow one another in the order of
eviction. Such blocks are one *run*. Two prompts of blocks of 4 tokens that part within block 2:

    tokens          0        4        8      10   12       16   18
                    ├────────┴────────┴───────┤
    edge 1          │ block 0│ block 1│ block 2 begins here
                    └─────────────────────────┤
    edge 2                                    ├────┴────────┴────┤  blocks 2, 3; 4 partly filled
    edge 3                                    └────┴─────┤          block 2; 3 partly filled

    edge            owns the full blocks that *end* in it, and at most one partly filled block that
                    ends where it does; a block that begins in one edge and ends in a deeper one is
                    listed under the edge it starts in, where partial matches look for it

    edge 2's runs   HIGHER ◄──────────────────────────► DEEPER
                    ┌───────────────┐ ┌─────────────┐     ┌───────────────────┐
       FIRST_RUN ──►│ [2, 3) on GPU │─│ [3, 4) host │◄──  │ [4, 5) partial    │◄── PARTIAL_RUN
                    └───────────────┘ └─────────────┘  │  └───────────────────┘
                                                  LAST_RUN

    queues          for each level and priority class, the run to evict next first; on host, blocks
                    that left the tree are only counted, as gaps between the runs:

                    FRONT gap ► HEAD run ► gap AFTER it ► run ► gap AFTER it ► … ► TAIL run ► gap

Eviction takes a run's tail, and bringing a prefix back from host takes a run's head; nothing else
cuts a run. Under the leaf rule the runs of a queue take turns, each giving its last block: without
a host tier whole rounds of that are only counted (`rounds`). With one each turn is taken by itself,
since a chain on the GPU, the one below it on host and the one that is overwritten change together.

`layout` names the fields of the flat arrays this is kept in. All functions are plain Python over
these: `machine_code` has numba compile them to an object file, `kept` finds it and `loading` loads
it; they run as they stand where that would take longer than it saves.
"""
