// MessageList: the messages that a decoder found, each an object of its own, so that whoever wants one takes the object and
// nothing of it is moved. Seen as messages in a row. One thread.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace wirespan::decoders {

template <typename Message>
class MessageList {
 public:
  // Over messages that are there: none of them was taken.
  template <typename Box, typename Value>
  class IteratorOf {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Message;
    using difference_type = std::ptrdiff_t;
    using pointer = Value*;
    using reference = Value&;
    IteratorOf() = default;
    explicit IteratorOf(Box* at) : at_(at) {}
    Value& operator*() const { return **at_; }
    Value* operator->() const { return at_->get(); }
    IteratorOf& operator++() { return ++at_, *this; }
    IteratorOf operator++(int) { return IteratorOf(at_++); }
    bool operator==(const IteratorOf&) const = default;

   private:
    Box* at_ = nullptr;
  };
  using Box = std::unique_ptr<Message>;
  using iterator = IteratorOf<Box, Message>;
  using const_iterator = IteratorOf<const Box, const Message>;

  bool empty() const { return boxes_.empty(); }
  size_t size() const { return boxes_.size(); }
  Message& operator[](size_t i) { return *boxes_[i]; }
  const Message& operator[](size_t i) const { return *boxes_[i]; }
  Message& front() { return *boxes_.front(); }
  const Message& front() const { return *boxes_.front(); }
  Message& back() { return *boxes_.back(); }
  const Message& back() const { return *boxes_.back(); }
  iterator begin() { return iterator(boxes_.data()); }
  iterator end() { return iterator(boxes_.data() + boxes_.size()); }
  const_iterator begin() const { return const_iterator(boxes_.data()); }
  const_iterator end() const { return const_iterator(boxes_.data() + boxes_.size()); }

  void push_back(Box message) { boxes_.push_back(std::move(message)); }
  // The object itself, to be moved out of its place: then there is nothing but the place until clear().
  Box& box(size_t i) { return boxes_[i]; }
  void clear() { boxes_.clear(); }

 private:
  std::vector<Box> boxes_;
};

}  // namespace wirespan::decoders
