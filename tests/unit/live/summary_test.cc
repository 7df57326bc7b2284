#include "agent/live/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "agent/kernel/event_reader.h"

namespace wirespan::live {
namespace {

TEST(Summary, EveryPlaceThatCanLoseIsNamedInDropped) {
  Summary summary;
  summary.kernel.by_reason.assign(kKernelLossCount, 1);
  summary.kernel.missed_runs = 2;
  summary.kernel.missed_notices = 99;  // a count, no loss
  summary.shards.counts.fill(3);
  summary.assembler.dropped.fill(4);
  summary.mailbox_dropped_spans = 5;
  summary.mailbox_dropped_facts = 11;
  summary.record_failures = 7;
  summary.policy_failures = 8;
  Summary::Exporter exporter{"otlp", {}};
  exporter.counts.rejected = 9;
  exporter.counts.gave_up = 10;
  exporter.counts.queue.dropped[0] = 12;
  summary.exporters.push_back(exporter);
  const auto dropped = summary.Dropped();
  EXPECT_EQ(dropped.size(), kKernelLossCount + kLossCount + summary.assembler.dropped.size() + 5 + 3);
  EXPECT_EQ(dropped.at("ring_full"), 1U);
  EXPECT_EQ(dropped.at("missed_program_run"), 2U);
  EXPECT_EQ(dropped.at("assembler_full"), 5U);
  EXPECT_EQ(dropped.at("fact_dropped"), 6U);
  EXPECT_EQ(dropped.at("otlp_rejected"), 9U);
  EXPECT_EQ(dropped.at("otlp_queue_full_spans"), 12U);
}

TEST(Summary, WhatWasNotedIsToldByNameAndNeverTwice) {
  Summary summary;
  summary.assembler.translated_joins = 3;
  summary.resolver.juggled = 4;
  EXPECT_THAT(summary.ToJson(), testing::HasSubstr(R"("assembly_notes":{"translated_joins":3,"juggled":4})"));
  std::set<std::string_view> names;
  for (const trace::AssemblyNote& note : trace::NotesOf({}, {})) names.insert(note.name);
  EXPECT_EQ(names.size(), trace::kAssemblyNoteCount);
}

TEST(Summary, NothingLostIsAnEmptyObject) {
  EXPECT_THAT(Summary{}.ToJson(), testing::HasSubstr(R"("dropped":{})"));
  EXPECT_THAT(Summary{}.ToJson(), testing::StartsWith(R"({"type":"summary","packets":0,"chunks":0)"));
}

}  // namespace
}  // namespace wirespan::live
