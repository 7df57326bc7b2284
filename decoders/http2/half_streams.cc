#include "decoders/http2/half_streams.h"

#include <algorithm>
#include <utility>

namespace wirespan::decoders::http2 {

HalfStream* HalfStreams::Find(uint32_t id) {
  if (size_ == 0) return nullptr;
  for (size_t at = PlaceOf(id);; at = (at + 1) & (places_.size() - 1)) {
    if (places_[at].id == id) return &places_[at];
    if (places_[at].id == 0) return nullptr;
  }
}

HalfStream& HalfStreams::Add(uint32_t id) {
  if (size_ == kMaxHalfStreams) ForgetOlderHalf();
  if ((size_ + 1) * 2 > places_.size()) Grow();
  size_t at = PlaceOf(id);
  while (places_[at].id != 0) at = (at + 1) & (places_.size() - 1);
  places_[at] = HalfStream{};
  places_[at].id = id;
  ++size_;
  return places_[at];
}

// What stands behind the empty place moves up where its look-up would stop at it.
void HalfStreams::Remove(uint32_t id) {
  const HalfStream* found = Find(id);
  if (found == nullptr) return;
  const size_t mask = places_.size() - 1;
  auto hole = static_cast<size_t>(found - places_.data());
  for (size_t at = (hole + 1) & mask; places_[at].id != 0; at = (at + 1) & mask) {
    const size_t home = PlaceOf(places_[at].id);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    places_[hole] = places_[at];
    hole = at;
  }
  places_[hole] = HalfStream{};
  --size_;
}

void HalfStreams::Ids(std::vector<uint32_t>& out) const {
  out.clear();
  for (const HalfStream& half : places_) {
    if (half.id != 0) out.push_back(half.id);
  }
  std::sort(out.begin(), out.end());
}

void HalfStreams::Clear() {
  for (HalfStream& half : places_) half = HalfStream{};
  size_ = 0;
}

void HalfStreams::Grow() {
  std::vector<HalfStream> old(std::max<size_t>(8, places_.size() * 2));
  old.swap(places_);
  size_ = 0;
  for (const HalfStream& half : old) {
    if (half.id != 0) Add(half.id) = half;
  }
}

void HalfStreams::ForgetOlderHalf() {
  Ids(ids_);
  for (size_t i = 0; i < ids_.size() / 2; ++i) Remove(ids_[i]);
}

}  // namespace wirespan::decoders::http2
