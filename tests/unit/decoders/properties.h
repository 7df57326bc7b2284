// The properties that every decoder of a protocol that answers in order must have (docs/adding-a-protocol.md), over the
// conversations that the protocol's own generator makes. Seeded: a failure names its seed.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

// What generators are made of.
class Chance {
 public:
  explicit Chance(uint32_t seed) : random_(seed) {}
  virtual ~Chance() = default;

  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  // Any bytes; a protocol makes its own more often than others.
  virtual std::string Bytes(size_t size) {
    std::string bytes;
    for (; size > 0; --size) bytes += static_cast<char>(Below(256));
    return bytes;
  }
  std::string Word(size_t longest) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    std::string word;
    for (size_t n = Below(longest) + 1; n > 0; --n) word += kLetters[Below(kLetters.size())];
    return word;
  }

 private:
  std::mt19937 random_;
};

// Of a protocol, `P` says: `using Decoder`, `class Generator : Chance`, `Script Conversation(seed)` (valid, chunks of both
// directions, the first of requests), `kHostile` (bytes that damage), `std::string Beginning(Generator&, Direction)` (how a
// message begins).
template <typename P>
class Properties {
 public:
  using D = typename P::Decoder;
  using Generator = typename P::Generator;

  static void AnySplitEqualsTheWhole(uint32_t seeds) {
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      const Script script = P::Conversation(seed);
      const std::string whole = RunWhole<D>(script);
      EXPECT_EQ(whole.find("error"), std::string::npos) << "seed " << seed << "\n" << whole;
      EXPECT_EQ(whole.find("stop"), std::string::npos) << "seed " << seed << "\n" << whole;
      Generator cuts(seed + 1000000);
      for (const size_t size : {size_t{1}, size_t{5}, cuts.Below(200) + 1}) {
        ASSERT_EQ(RunInPieces<D>(script, size), whole) << "seed " << seed << " pieces of " << size;
      }
      for (int i = 0; i < 20; ++i) {
        const size_t chunk = cuts.Below(script.size());
        ASSERT_EQ(RunSplit<D>(script, chunk, cuts.Below(script[chunk].bytes.size())), whole) << "seed " << seed;
      }
    }
  }

  static void NoPrefixOfValidInputIsInvalid(uint32_t seeds) {
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      const Script script = P::Conversation(seed);
      const std::string& requests = script[0].bytes;
      for (size_t size = 0; size <= requests.size(); ++size) {
        WireOf<D> wire;
        wire.Feed(kC2s, std::string_view(requests).substr(0, size));
        ASSERT_EQ(wire.text().find("error"), std::string::npos) << "seed " << seed << " prefix " << size;
      }
    }
  }

  static void AppendedGarbageNeverChangesEarlierMessages(uint32_t seeds) {
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      Script script = P::Conversation(seed);
      const std::string before = RunWhole<D>(script);
      Generator generator(seed + 77);
      script.push_back(Bytes(generator.OneIn(2) ? kC2s : kS2c, generator.Bytes(generator.Below(400) + 1)));
      const std::string after = RunWhole<D>(script);
      ASSERT_EQ(after.substr(0, before.size()), before) << "seed " << seed;
    }
  }

  // Whatever comes out of damaged conversations, it is the same at every split, and the decoder always moves on.
  static void DamagedInputIsTotalAndIndependentOfSplits(uint32_t seeds) {
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      Script script = P::Conversation(seed);
      Generator generator(seed + 4242);
      Damage(generator, script);
      const std::string whole = RunWhole<D>(script);
      for (const size_t size : {size_t{1}, size_t{3}, generator.Below(100) + 1}) {
        ASSERT_EQ(RunInPieces<D>(script, size), whole) << "seed " << seed << " pieces of " << size;
      }
    }
  }

  static void RandomBytesNeitherCrashNorLoop(uint32_t seeds) {
    for (uint32_t seed = 0; seed < seeds; ++seed) {
      Generator generator(seed);
      WireOf<D> wire;
      size_t fed = 0;
      for (int i = 0; i < 30; ++i) {
        const Direction dir = generator.OneIn(2) ? kC2s : kS2c;
        std::string bytes = generator.Bytes(generator.Below(200));
        if (generator.OneIn(2)) bytes = P::Beginning(generator, dir) + bytes;
        fed += bytes.size();
        wire.Feed(dir, bytes);
        if (generator.OneIn(9)) wire.Gap(dir, generator.Below(1000));
        if (generator.OneIn(9)) wire.EndCall(dir);
        if (generator.OneIn(30)) wire.Close(dir);
      }
      // Each step consumes something, or is the last of its Feed, or begins a search that moves on.
      EXPECT_LE(wire.steps(), 3 * fed + 200) << "seed " << seed;
    }
  }

  // What a hostile peer can make the search for a start cost: at most so many steps per byte.
  static void SearchingForAStartIsLinear(const std::vector<std::string>& patterns, size_t steps_per_byte) {
    for (const std::string& pattern : patterns) {
      for (const Direction dir : {kC2s, kS2c}) {
        WireOf<D> wire;
        wire.Gap(dir, 1);
        std::string bytes;
        while (bytes.size() < 40000) bytes += pattern;
        for (size_t at = 0; at < bytes.size(); at += 100) wire.Feed(dir, std::string_view(bytes).substr(at, 100));
        EXPECT_LE(wire.steps(), steps_per_byte * bytes.size()) << Escape(pattern);
      }
    }
  }

 private:
  // Bytes changed, taken out and put in; holes, and ends of calls.
  static void Damage(Generator& generator, Script& script) {
    for (size_t n = generator.Below(4) + 1; n > 0; --n) {
      std::string& bytes = script[generator.Below(script.size())].bytes;
      const size_t at = generator.Below(bytes.size());
      switch (generator.Below(3)) {
        case 0:
          bytes[at] = P::kHostile[generator.Below(P::kHostile.size())];
          break;
        case 1:
          if (bytes.size() > 31) bytes.erase(at, generator.Below(30));
          break;
        default:
          bytes.insert(at, generator.Bytes(generator.Below(10) + 1));
          break;
      }
    }
    for (size_t n = generator.Below(3); n > 0; --n) {
      const auto at = static_cast<std::ptrdiff_t>(generator.Below(script.size()));
      const Direction dir = generator.OneIn(2) ? kC2s : kS2c;
      script.insert(script.begin() + at, generator.OneIn(3) ? CallEnd(dir) : GapOf(dir, generator.Below(600) + 1));
    }
  }
};

}  // namespace wirespan::testing
