// SpanBox: a Span by its address, so that spans are handed on by pointers instead of by their some 250 bytes. Copying copies the
// span. A box without a span gives an empty one: written to, it makes it. One owner at a time; no locks.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "exporters/span.h"

namespace wirespan::exporters {

class SpanBox {
 public:
  SpanBox() = default;
  SpanBox(const SpanBox& other) : span_(other.span_ != nullptr ? std::make_unique<Span>(*other.span_) : nullptr) {}
  SpanBox(SpanBox&&) noexcept = default;
  SpanBox& operator=(const SpanBox& other) {
    if (this != &other) *this = SpanBox(other);
    return *this;
  }
  SpanBox& operator=(SpanBox&&) noexcept = default;
  ~SpanBox() = default;

  bool empty() const { return span_ == nullptr; }
  Span& operator*() {
    if (span_ == nullptr) span_ = std::make_unique<Span>();
    return *span_;
  }
  Span* operator->() { return &**this; }
  const Span& operator*() const { return span_ != nullptr ? *span_ : Nothing(); }
  const Span* operator->() const { return &**this; }
  void Swap(SpanBox& other) noexcept { span_.swap(other.span_); }

 private:
  static const Span& Nothing();
  std::unique_ptr<Span> span_;
};
inline void swap(SpanBox& a, SpanBox& b) noexcept { a.Swap(b); }

// Boxes in a row, seen as spans.
class SpanList {
 public:
  Span& operator[](size_t i) { return *boxes_[i]; }
  const Span& operator[](size_t i) const { return *boxes_[i]; }
  SpanBox& box(size_t i) { return boxes_[i]; }
  size_t size() const { return boxes_.size(); }
  void Grow() { boxes_.emplace_back(); }

 private:
  std::vector<SpanBox> boxes_;
};

}  // namespace wirespan::exporters
