#include "agent/trace/trust.h"

#include <gtest/gtest.h>

namespace wirespan::trace {
namespace {

using Sign = TrustMeter::Sign;
constexpr uint64_t kStart = 1'000'000'000'000;

TEST(TrustMeter, StartsTrustingAndSpotless) {
  TrustMeter meter;
  EXPECT_EQ(meter.trust(kStart), Trust{});
}

TEST(TrustMeter, OneContradictionAmongFewAgreementsDemotes) {
  TrustMeter meter;
  for (int i = 0; i < 998; ++i) meter.Note(Sign::kAgreement, kStart);
  meter.Note(Sign::kContradiction, kStart);
  EXPECT_TRUE(meter.trust(kStart).verify);
  EXPECT_FALSE(meter.trust(kStart).spotless);
  meter.Note(Sign::kAgreement, kStart);  // 1 in 1,000 is the limit itself
  EXPECT_FALSE(meter.trust(kStart).verify);
  EXPECT_FALSE(meter.trust(kStart).spotless);
}

TEST(TrustMeter, RecoversWhenTheWindowHasPassed) {
  TrustMeter meter;
  meter.Note(Sign::kContradiction, kStart);
  EXPECT_TRUE(meter.trust(kStart + TrustMeter::kWindowNs - TrustMeter::kBucketNs).verify);
  EXPECT_FALSE(meter.trust(kStart + TrustMeter::kWindowNs).verify);
  EXPECT_TRUE(meter.trust(kStart + TrustMeter::kWindowNs).spotless);
}

TEST(TrustMeter, AJumpFurtherThanTheWindowEmptiesIt) {
  TrustMeter meter;
  for (uint64_t i = 0; i < TrustMeter::kBuckets; ++i) meter.Note(Sign::kContradiction, kStart + i * TrustMeter::kBucketNs);
  EXPECT_EQ(meter.Count(Sign::kContradiction), TrustMeter::kBuckets);
  EXPECT_FALSE(meter.trust(kStart + 1000 * TrustMeter::kWindowNs).verify);
  EXPECT_EQ(meter.Count(Sign::kContradiction), 0U);
}

TEST(TrustMeter, TimeThatGoesBackCountsInTheNewestBucket) {
  TrustMeter meter;
  meter.Note(Sign::kAgreement, kStart);
  meter.Note(Sign::kContradiction, kStart - 10 * TrustMeter::kWindowNs);
  EXPECT_TRUE(meter.trust(kStart).verify);
}

TEST(TrustMeter, MoreThanOnePercentViolationsNarrows) {
  TrustMeter meter;
  for (int i = 0; i < 99; ++i) meter.Note(Sign::kLink, kStart);
  meter.Note(Sign::kViolation, kStart);
  EXPECT_FALSE(meter.trust(kStart).narrow);
  meter.Note(Sign::kViolation, kStart);
  EXPECT_TRUE(meter.trust(kStart).narrow);
}

TEST(TrustMeter, ReuseIsProvenByKeptOnesAndUndoneByOneStray) {
  TrustMeter meter;
  for (uint64_t i = 0; i < TrustMeter::kReuseProof; ++i) {
    EXPECT_FALSE(meter.trust(kStart).reuse_proven);
    meter.Note(Sign::kReuseKept, kStart);
  }
  EXPECT_TRUE(meter.trust(kStart).reuse_proven);
  meter.Note(Sign::kReuseStrayed, kStart);
  EXPECT_FALSE(meter.trust(kStart).reuse_proven);
}

}  // namespace
}  // namespace wirespan::trace
