#include "agent/kernel/event_reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/unit/support/event_maker.h"

namespace wirespan::testing {
namespace {

EventFault Read(const Record& record, Event& out) { return ToEvent(std::span<const std::byte>(record), out); }
EventFault Read(const Record& record) {
  Event event;
  return Read(record, event);
}

template <typename Wire>
Record Changed(const Record& record, const std::function<void(Wire&)>& change) {
  Wire wire;
  std::memcpy(&wire, record.data(), sizeof(wire));
  change(wire);
  Record changed = record;
  std::memcpy(changed.data(), &wire, sizeof(wire));
  return changed;
}

TEST(EventReader, DataChunkCarriesEveryField) {
  EventMaker maker(42, WS_ROLE_CLIENT, 7);
  Record record = maker.Sent("hello", {.tid = 8, .captured = 3, .skipped = 1});
  record = Changed<ws_data_event>(record, [](ws_data_event& w) {
    w.flags = 0xfffff;
    w.stored = 5;
    w.thread.active = 6;
    w.thread.active_source = WS_ACTIVE_CONNECT;
    w.thread.runtime_id = 9;
    w.thread.exec_start_ns = 10;
    w.queue_wait_jiffies = 11;
    w.retransmits = 13;
    w.ancestors[2] = {14, 15};
  });
  Event event;
  ASSERT_EQ(Read(record, event), EventFault::kNone);
  const auto& chunk = std::get<DataChunk>(event);
  EXPECT_EQ(chunk.connection, 42U);
  EXPECT_EQ(chunk.side, StreamSide::kSend);
  EXPECT_EQ(chunk.role, ConnectionRole::kClient);
  EXPECT_EQ(chunk.thread.tgid, 7U);
  EXPECT_EQ(chunk.thread.tid, 8U);
  EXPECT_EQ(chunk.thread.active, 6U);
  EXPECT_EQ(chunk.thread.active_source, ActiveSource::kConnect);
  EXPECT_EQ(chunk.thread.runtime_id, 9U);
  EXPECT_EQ(chunk.thread.exec_start_ns, 10U);
  EXPECT_EQ(chunk.stored, 5U);
  EXPECT_EQ(chunk.original_size, 5U);
  EXPECT_EQ(chunk.skipped_size, 1U);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chunk.bytes.data()), chunk.bytes.size()), "ell");
  EXPECT_EQ(chunk.queue_wait_jiffies, 11U);
  EXPECT_EQ(chunk.retransmits, 13U);
  EXPECT_TRUE(chunk.first_of_turn && chunk.fresh && chunk.stored_conflict && chunk.other_unresolved && chunk.timer_due &&
              chunk.loop_thread && chunk.position_raced && chunk.first_of_response && chunk.active_open && chunk.queued_reuse &&
              chunk.copy_fault && chunk.several_reads && chunk.stored_doubtful && chunk.stored_timer && chunk.stored_sandwiched &&
              chunk.handed_over && chunk.requester_known && chunk.requester_again);
  EXPECT_EQ(chunk.ancestors[2], (Ancestor{14, 15}));
  EXPECT_EQ(chunk.ancestors[0], Ancestor{});
}

TEST(EventReader, MappedIpv4BecomesIpv4) {
  EventMaker maker(1, WS_ROLE_SERVER);
  const Record record = Changed<ws_connection_event>(maker.Opened(), [](ws_connection_event& w) {
    w.address.family = WS_FAMILY_IPV6;
    for (auto* address : {w.address.local, w.address.peer}) {
      std::memset(address, 0, 16);
      address[10] = address[11] = 0xff;
      address[12] = 10;
      address[15] = 1;
    }
  });
  Event event;
  ASSERT_EQ(Read(record, event), EventFault::kNone);
  const Address& address = std::get<ConnectionOpened>(event).address;
  EXPECT_EQ(address.family, AddressFamily::kIpv4);
  EXPECT_EQ(address.local[0], 10);
  EXPECT_EQ(address.local[3], 1);
  EXPECT_EQ(address.local[12], 0);
}

TEST(EventReader, UnixPathsEndAtNulAndAbstractOnesDoNot) {
  EventMaker maker(1, WS_ROLE_SERVER);
  const auto path = [&](std::string_view bytes) {
    const Record record = Changed<ws_connection_event>(maker.Opened(), [&](ws_connection_event& w) {
      w.address.family = WS_FAMILY_UNIX;
      w.address.path_length = static_cast<__u16>(bytes.size());
      std::memcpy(w.path, bytes.data(), bytes.size());
    });
    Event event;
    EXPECT_EQ(Read(record, event), EventFault::kNone);
    return std::string(std::get<ConnectionOpened>(event).unix_path);
  };
  EXPECT_EQ(path(std::string_view("/run/x\0junk", 11)), "/run/x");
  EXPECT_EQ(path(std::string_view("\0name", 5)), std::string("\0name", 5));
  EXPECT_EQ(path(""), "");
}

TEST(EventReader, EveryFieldThatCanLieIsChecked) {
  EventMaker maker(1, WS_ROLE_SERVER);
  const Record data = maker.Received("hello");
  const auto bad = [&](const std::function<void(ws_data_event&)>& change) { return Read(Changed<ws_data_event>(data, change)); };
  EXPECT_EQ(bad([](auto& w) { w.captured_size = 6; }), EventFault::kBadSize);
  EXPECT_EQ(bad([](auto& w) { w.captured_size = 4; }), EventFault::kBadSize);
  EXPECT_EQ(bad([](auto& w) { w.captured_size = 0xffffffff; }), EventFault::kBadSize);
  EXPECT_EQ(bad([](auto& w) { w.header.size = 8; }), EventFault::kBadSize);
  EXPECT_EQ(bad([](auto& w) { w.header.size += 1; }), EventFault::kBadSize);
  EXPECT_EQ(bad([](auto& w) { w.original_size = 4; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.skipped_size = 1; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.skipped_size = 0xffffffff; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.inode = 0; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.direction = 2; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.role = 3; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.thread.active_source = 4; }), EventFault::kBadField);
  EXPECT_EQ(bad([](auto& w) { w.header.type = 0; }), EventFault::kUnknownType);
  EXPECT_EQ(bad([](auto& w) { w.header.type = WS_RECORD_PROCESS; }), EventFault::kUnknownType);

  const Record opened = maker.Opened();
  const auto lie = [&](const std::function<void(ws_connection_event&)>& change) {
    return Read(Changed<ws_connection_event>(opened, change));
  };
  EXPECT_EQ(lie([](auto& w) { w.role = 9; }), EventFault::kBadField);
  EXPECT_EQ(lie([](auto& w) { w.address.family = 3; }), EventFault::kBadField);
  EXPECT_EQ(lie([](auto& w) { w.address.path_length = 109; }), EventFault::kBadField);
  EXPECT_EQ(lie([](auto& w) { w.inode = 0; }), EventFault::kBadField);
  const Record closed = maker.Ended(WS_SEND);
  EXPECT_EQ(Read(Changed<ws_close_event>(closed, [](auto& w) { w.direction = 7; })), EventFault::kBadField);
}

TEST(EventReader, RecordsMayBeLongerThanTheySayButNeverShorter) {
  EventMaker maker(1, WS_ROLE_SERVER);
  for (const Record& whole : {maker.Opened(), maker.Received("hello"), maker.Ended(WS_SEND), maker.Closed(), maker.Exited()}) {
    Record longer = whole;
    longer.resize(whole.size() + 24);
    EXPECT_EQ(Read(longer), EventFault::kNone);
    for (size_t size = 0; size < whole.size(); ++size) {
      Record shorter(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_NE(Read(shorter), EventFault::kNone) << size;
    }
  }
}

TEST(EventReader, RandomBytesNeverGiveAViewOutsideTheRecord) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; ++i) {
    Record record(random() % 400);
    for (std::byte& b : record) b = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
    if (record.size() >= 8) {
      record[0] = static_cast<std::byte>(random() % 10);
      record[1] = record[2] = record[3] = std::byte{0};
      const auto size = static_cast<uint32_t>(record.size());
      std::memcpy(record.data() + 4, &size, 4);
    }
    Event event;
    if (Read(record, event) != EventFault::kNone) continue;
    if (const auto* chunk = std::get_if<DataChunk>(&event); chunk != nullptr && !chunk->bytes.empty()) {
      EXPECT_GE(chunk->bytes.data(), record.data());
      EXPECT_LE(chunk->bytes.data() + chunk->bytes.size(), record.data() + record.size());
    }
  }
}

TEST(EventReader, TellsWhichProcessActed) {
  EventMaker maker(1, WS_ROLE_SERVER, 55);
  EXPECT_EQ(ProcessOf(maker.Opened()).tgid, 55U);
  EXPECT_EQ(ProcessOf(maker.Received("x")).tgid, 55U);
  EXPECT_EQ(ProcessOf(maker.Closed()).tgid, 0U);
  Record execed = maker.Exited();
  execed[0] = std::byte{WS_EVENT_PROCESS_EXECED};
  EXPECT_TRUE(ProcessOf(execed).execed);
  EXPECT_EQ(ProcessOf(std::span<const std::byte>(execed).first(20)).tgid, 0U);
}

}  // namespace
}  // namespace wirespan::testing
