// One log event as it is stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::logs {

// "Each page returned can contain up to 1 MB of log events or up to 10,000 log events":
// GetLogEvents, FilterLogEvents.
constexpr std::int64_t page_events_max = 10'000;
constexpr std::size_t page_bytes_max = 1'048'576;
constexpr std::size_t event_overhead_bytes = 26;

struct StoredEvent {
  std::string position{};  // TIMESTAMP SEQUENCE, 35 digits.
  std::int64_t timestamp{};
  std::string stream{};
  std::string message{};
  std::int64_t ingested{};

  std::size_t bytes() const { return message.size() + event_overhead_bytes; }
};

std::int64_t time_of_position(std::string_view position);
StoredEvent event_of(const store::Row& row, std::string_view prefix, std::string_view stream);

}  // namespace kiban::services::logs
