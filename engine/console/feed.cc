#include "console/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "core/json.h"

namespace kiban::console {
namespace {

using runtime::HttpReply;
using runtime::Respond;

struct Kind {
  std::string_view service{};
  std::string_view rows{};  // SERVICE/REGION/rows/ID
  std::string_view kind{};
  bool two_parts{false};  // The id is MACHINE/NAME, CLUSTER/TASK, BUS/RULE.
};

constexpr std::array<Kind, 9> kinds{{{"states", "execution", "execution", true},
                                     {"states", "history", "execution", true},
                                     {"states", "mapruns", "execution", true},
                                     {"states", "machine", "machine"},
                                     {"ecs", "task", "task", true},
                                     {"cloudwatch", "alarm", "alarm"},
                                     {"events", "rule", "rule", true},
                                     {"cloudformation", "stack", "stack"},
                                     {"cloudformation", "event", "stack"}}};

// The first part of `text` up to a '/', which is taken away.
std::string_view take_part(std::string_view& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view part = text.substr(0, slash);
  text.remove_prefix(std::min(slash + 1, text.size()));
  return part;
}

std::string id_of(bool two_parts, std::string_view rest) {
  const std::string_view first = take_part(rest);
  return two_parts ? fmt::format("{}/{}", first, take_part(rest)) : std::string(first);
}

HttpReply event_stream(std::string body) {
  return {.headers = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}},
          .body = std::move(body)};
}

void answer(const Respond& respond, std::string body) {
  respond([reply = event_stream(std::move(body))] { return reply; });
}

std::optional<std::uint64_t> sequence_of(std::string_view id, std::string_view epoch) {
  if (!id.starts_with(epoch) || id.size() <= epoch.size() + 1 || id[epoch.size()] != '-')
    return std::nullopt;
  std::uint64_t sequence = 0;
  const auto [end, error] =
      std::from_chars(id.data() + epoch.size() + 1, id.data() + id.size(), sequence);
  if (error != std::errc{} || end != id.data() + id.size()) return std::nullopt;
  return sequence;
}

}  // namespace

std::optional<Change> change_of(std::string_view row_key) {
  std::string_view rest = row_key;
  const std::string_view service = take_part(rest);
  if (row_key == "kernel/clock") return Change{.kind = "clock"};
  const std::string_view region = take_part(rest);
  const std::string_view rows = take_part(rest);
  const auto* const found = std::ranges::find_if(
      kinds, [&](const Kind& each) { return each.service == service && each.rows == rows; });
  if (found == kinds.end() || rest.empty()) return std::nullopt;
  return Change{.kind = std::string(found->kind),
                .region = std::string(region),
                .id = id_of(found->two_parts, rest)};
}

void Feed::committed(const store::Batch& rows) {
  if (!recording_.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock{mutex_};
  const std::uint64_t before = next_;
  for (const auto& [key, value] : rows)
    if (auto change = change_of(key)) changes_[*std::move(change)] = next_++;
  if (next_ == before) return;
  answer_all();
  if (changes_.size() <= changes_max) return;
  changes_.clear();
  recording_ = false;
}

// With the lock held.
void Feed::answer_all() {
  for (const Waiter& waiter : std::exchange(waiters_, {}))
    answer(waiter.respond, write_since(waiter.since));
}

std::string Feed::write_since(std::uint64_t since) const {
  std::vector<std::pair<std::uint64_t, const Change*>> fresh;
  for (const auto& [change, sequence] : changes_)
    if (sequence > since) fresh.emplace_back(sequence, &change);
  std::ranges::sort(fresh);
  std::string text = "retry: 250\n\n";
  for (const auto& [sequence, change] : fresh)
    text +=
        fmt::format("id: {}-{}\nevent: change\ndata: {}\n\n", epoch_, sequence,
                    print_json(json::object{
                        {"kind", change->kind}, {"region", change->region}, {"id", change->id}}));
  return text;
}

void Feed::poll(const std::string& last_id, const Respond& respond) {
  const std::scoped_lock lock{mutex_};
  const auto since = sequence_of(last_id, epoch_);
  if (!recording_.exchange(true)) first_ = next_ - 1;
  if (closed_ || !since || *since < first_ || *since >= next_)
    return answer(respond, fmt::format("retry: 250\n\nid: {}-{}\nevent: reset\ndata: {{}}\n\n",
                                       epoch_, next_ - 1));
  const bool fresh =
      std::ranges::any_of(changes_, [&](const auto& each) { return each.second > *since; });
  if (fresh) return answer(respond, write_since(*since));
  if (waiters_.size() >= waiters_max) {
    answer(waiters_.front().respond, write_since(waiters_.front().since));
    waiters_.pop_front();
  }
  waiters_.push_back({.since = *since, .respond = respond});
}

void Feed::close() {
  const std::scoped_lock lock{mutex_};
  closed_ = true;
  answer_all();
}

}  // namespace kiban::console
