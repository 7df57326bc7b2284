// The journal tells what was considered: one line of reasoning for each rule that fired.
#include "agent/trace/journal.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

class Recorder final : public LinkJournal {
 public:
  void Note(Token token, uint32_t /*index*/, LinkStep step, Token /*other*/, std::string_view text) override {
    steps[token].push_back(step);
    if (!text.empty()) texts.emplace(text);
  }
  void Decided(Token token, uint32_t /*index*/, const exporters::SpanId& id, const exporters::SpanId& parent,
               exporters::LinkEvidence evidence, exporters::LinkConfidence /*confidence*/,
               const UnlinkedReason* /*reason*/) override {
    EXPECT_FALSE(exporters::IsZero(id));
    decided[token] = {evidence, !exporters::IsZero(parent)};
  }

  std::map<Token, std::vector<LinkStep>> steps;
  std::map<Token, std::pair<exporters::LinkEvidence, bool>> decided;
  std::set<std::string> texts;
};

struct Told {
  // One exchange with one call on `thread`; returns the call's token.
  Token Serve(WorldThread& thread) {
    WorldEnd& in = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    const int call = world.NewRequest(root);
    world.ServerReads(thread, in, root);
    world.ClientSends(thread, out, call);
    world.ClientReads(thread, out);
    world.ServerAnswers(thread, in);
    return out.current;
  }
  void Assemble() {
    TraceAssembler assembler({}, span::IdKey{}, &recorder);
    trace::Assemble(world, assembler);
  }

  World world;
  Recorder recorder;
};

TEST(Journal, AThreadsOwnCall) {
  Told told;
  WorldThread thread = told.world.Thread(10, 10, false);
  const Token call = told.Serve(thread);
  told.Assemble();
  EXPECT_EQ(told.recorder.steps[call], (std::vector{LinkStep::kContext, LinkStep::kCandidate, LinkStep::kVerified}));
  EXPECT_TRUE(told.recorder.texts.contains("firm"));
  EXPECT_EQ(told.recorder.decided[call], std::pair(exporters::LinkEvidence::kSameThread, true));
}

TEST(Journal, ACallWithoutContextThatItsAnswerLinks) {
  Told told;
  WorldThread loop = told.world.Thread(10, 10, true);
  WorldEnd& in = told.world.NewEnd();
  WorldEnd& out = told.world.NewEnd();
  const int root = told.world.NewRequest();
  told.world.Wait(loop);
  told.world.Connects(loop, out);
  told.world.ClientSends(loop, out, told.world.NewRequest());  // so that the connection is no fresh one
  told.world.ClientReads(loop, out);
  told.world.Wait(loop);
  told.world.ServerReads(loop, in, root);
  told.world.Wait(loop);
  told.world.ClientSends(loop, out, told.world.NewRequest(root));
  const Token call = out.current;
  told.world.Wait(loop);
  told.world.ClientReads(loop, out);
  told.world.ServerAnswers(loop, in);
  told.Assemble();
  EXPECT_EQ(told.recorder.steps[call], (std::vector{LinkStep::kNoContext, LinkStep::kLinkedBack}));
  EXPECT_TRUE(told.recorder.texts.contains("no-context"));
  EXPECT_EQ(told.recorder.decided[call], std::pair(exporters::LinkEvidence::kBackward, true));
}

TEST(Journal, EveryStepHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int step = 0; step <= static_cast<int>(LinkStep::kRuntime); ++step) {
    names.insert(Name(static_cast<LinkStep>(step)));
    EXPECT_FALSE(Name(static_cast<LinkStep>(step)).empty()) << step;
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(LinkStep::kRuntime) + 1);
}

}  // namespace
}  // namespace wirespan::trace
