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
    order_.clear();
    bool sorted = true;
    for (size_t i = 0; i < batch.size; ++i) {
      order_.push_back({IdOf(i), static_cast<uint32_t>(i)});
      sorted = sorted && (i == 0 || order_[i - 1].resource <= order_[i].resource);
    }
    if (sorted) return;
    std::sort(order_.begin(), order_.end(), [](const Entry& a, const Entry& b) {
      return a.resource != b.resource ? a.resource < b.resource : a.index < b.index;
    });
  }
  size_t size() const { return order_.size(); }
  const Span& span(size_t i) const { return batch_->spans[order_[i].index]; }
  uint64_t resource_id(size_t i) const { return order_[i].resource; }

 private:
  struct Entry {
    uint64_t resource;
    uint32_t index;
  };
  uint64_t IdOf(size_t i) const {
    const auto& resource = batch_->spans[i].resource;
    return resource ? resource->id : 0;
  }

  const SpanBatch* batch_ = nullptr;
  std::vector<Entry> order_;
};

}  // namespace wirespan::exporters::otlp
