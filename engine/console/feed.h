// What changed lately, for the pages that are open: server-sent events, one long poll at a time.
//
// A change names a resource, not its new state: the page asks the AWS API for that. Changes of one
// resource are one entry, the latest. Nothing is recorded until a page asks, nor once
// changes_max resources changed without another question.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/http_server.h"
#include "store/store.h"

namespace kiban::console {

constexpr std::size_t changes_max = 1'000;
constexpr std::size_t waiters_max = 32;  // Pages; the one that waited longest is answered early.

struct Change {
  std::string kind{};  // "execution", "machine", "task", "alarm", "rule", "stack" or "clock".
  std::string region{};
  // MACHINE/NAME of an execution, CLUSTER/ID of a task, BUS/NAME of a rule, the UUID of a stack; a
  // name else. Empty for the clock.
  std::string id{};
  bool operator==(const Change&) const = default;
  auto operator<=>(const Change&) const = default;
};

// The resource that a row belongs to; nullopt: one that no page shows.
std::optional<Change> change_of(std::string_view row_key);

class Feed {
 public:
  // `epoch` is unlike that of every other run: ids of another run are not continued.
  explicit Feed(std::string epoch) : epoch_(std::move(epoch)) {}

  // After each commit. One atomic load without listeners. Any thread.
  void committed(const store::Batch& rows);
  // Answers with what changed after `last_id`, at once or when something has. Without an id that
  // can be continued the answer is the event "reset": the page reads everything anew. Any thread.
  void poll(const std::string& last_id, const runtime::Respond& respond);
  // Answers all waiting polls; later polls are answered at once. For the end of the server.
  void close();

 private:
  std::string write_since(std::uint64_t since) const;
  void answer_all();

  const std::string epoch_;
  std::atomic<bool> recording_{false};
  std::mutex mutex_{};
  bool closed_{false};
  std::uint64_t next_{1};
  std::uint64_t first_{0};  // Ids before this one can't be continued: changes were not recorded.
  std::map<Change, std::uint64_t> changes_{};  // To the sequence number of the latest.
  struct Waiter {
    std::uint64_t since{0};
    runtime::Respond respond{};
  };
  std::deque<Waiter> waiters_{};
};

}  // namespace kiban::console
