#include "agent/trace/notes.h"

namespace wirespan::trace {

std::array<AssemblyNote, kAssemblyNoteCount> NotesOf(const AssemblerCounters& assembler, const ResolverCounters& resolver) {
  return {{{"released_early", assembler.released_early},
           {"exchanges_evicted", assembler.exchanges_evicted},
           {"exchanges_forgotten", assembler.exchanges_forgotten},
           {"lingering_evicted", assembler.lingering_evicted},
           {"late_facts", assembler.late_facts},
           {"merged_early", assembler.merged_early},
           {"refused_shard", assembler.refused_shard},
           {"translated_joins", assembler.translated_joins},
           {"ambiguous_joins", assembler.ambiguous_joins},
           {"agreements", resolver.agreements},
           {"contradictions", resolver.contradictions},
           {"violations", resolver.violations},
           {"completion_wakes", resolver.completion_wakes},
           {"juggled", resolver.juggled},
           {"timed_threads_forgotten", resolver.timed_threads_forgotten},
           {"wakes_unproven", resolver.wakes_unproven},
           {"contexts_shared", resolver.contexts_shared},
           {"processes_refused", resolver.processes_refused},
           {"answers_unknown", resolver.answers_unknown},
           {"demotions", resolver.demotions},
           {"promotions", resolver.promotions}}};
}

}  // namespace wirespan::trace
