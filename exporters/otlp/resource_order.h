// ResourceOrder: the spans of a batch in the order they are sent, one resource after the other, each resource's spans in the
// batch's own order. Keeps its memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "exporters/span_exporter.h"

namespace wirespan::exporters::otlp {

class ResourceOrder {
 public:
  void Begin(const SpanBatch& batch) {
    batch_ = &batch;
    resources_.clear();
    places_.assign(kPlaces, 0);
    group_of_.resize(batch.size);
    order_.resize(batch.size);
    for (size_t i = 0; i < batch.size; ++i) {
      const uint32_t group = GroupOf(IdOf(i));
      group_of_[i] = group;
      ++resources_[group].spans;
    }
    SetBegins();
    for (size_t i = 0; i < batch.size; ++i) {
      Group& group = resources_[group_of_[i]];
      order_[group.next++] = {group.id, static_cast<uint32_t>(i)};
    }
  }
  size_t size() const { return order_.size(); }
  const Span& span(size_t i) const { return batch_->spans[order_[i].index]; }
  uint64_t resource_id(size_t i) const { return order_[i].resource; }

 private:
  struct Entry {
    uint64_t resource;
    uint32_t index;
  };
  struct Group {
    uint64_t id = 0;
    uint32_t spans = 0;
    uint32_t next = 0;        // where its next span goes
    uint32_t same_place = 0;  // 1 + another group whose id lies at the same place
  };
  static constexpr size_t kPlaces = 256;

  uint64_t IdOf(size_t i) const {
    const auto& resource = batch_->spans[i].resource;
    return resource ? resource->id : 0;
  }
  uint32_t GroupOf(uint64_t id) {
    uint32_t& first = places_[id % kPlaces];
    for (uint32_t at = first; at != 0; at = resources_[at - 1].same_place) {
      if (resources_[at - 1].id == id) return at - 1;
    }
    resources_.push_back({.id = id, .same_place = first});
    first = static_cast<uint32_t>(resources_.size());
    return first - 1;
  }
  // By id: the order is the same however the spans lie.
  void SetBegins() {
    sorted_.resize(resources_.size());
    for (uint32_t i = 0; i < sorted_.size(); ++i) sorted_[i] = i;
    std::sort(sorted_.begin(), sorted_.end(), [this](uint32_t a, uint32_t b) { return resources_[a].id < resources_[b].id; });
    uint32_t begin = 0;
    for (const uint32_t group : sorted_) {
      resources_[group].next = begin;
      begin += resources_[group].spans;
    }
  }

  const SpanBatch* batch_ = nullptr;
  std::vector<Group> resources_;
  std::vector<uint32_t> places_;    // by id: 1 + a group
  std::vector<uint32_t> group_of_;  // by span
  std::vector<uint32_t> sorted_;    // groups
  std::vector<Entry> order_;
};

}  // namespace wirespan::exporters::otlp
