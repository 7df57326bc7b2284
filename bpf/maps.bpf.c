/* Defines every map and the configuration once, and the licence. */
#include "maps/maps.bpf.h"

struct targets_map targets SEC(".maps");
struct threads_map threads SEC(".maps");
struct connections_map connections SEC(".maps");
struct policies_map policies SEC(".maps");
struct listeners_map listeners SEC(".maps");
struct runtimes_map runtimes SEC(".maps");
struct goroutines_map goroutines SEC(".maps");
struct lineages_map lineages SEC(".maps");
struct contexts_map contexts SEC(".maps");
struct rings_map rings SEC(".maps");

const volatile struct ws_config config = {};

volatile __u32 sweep_number;
volatile __u32 runtime_generation;
volatile __u32 readers_rest;
volatile __u64 counters[WS_COUNTER_ROWS * WS_COUNTERS] __attribute__((aligned(64)));

char LICENSE[] SEC("license") = "GPL";
