#include "services/logs/purge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "services/base/table_service.h"
#include "services/logs/names.h"

namespace kiban::services::logs {
namespace {

constexpr std::chrono::hours sweep_interval{1};
constexpr std::size_t timestamp_digits = 15;

// Of the region that a purge or a sweep is for; a timer's payload names it.
struct Place {
  std::string region{};
  std::string account{};
};

Place place_of(const Context& context) {
  return {.region = context.caller().region, .account = context.caller().account};
}

std::string key_of(const Place& place, std::string_view kind, std::string_view name) {
  return fmt::format("logs/{}/{}/{}", place.region, kind, name);
}

// True when nothing is left.
bool erase_slice(Context& context, const Place& place, std::string_view name, std::size_t most) {
  for (const auto* kind : {"event", "stream", "latest"}) {
    const auto rows = context.scan(key_of(place, kind, name), {}, most);
    for (const store::Row& row : rows) context.erase(row.key);
    most -= rows.size();
    if (most == 0) return false;
  }
  return true;
}

void go_on_purging(Context& context, const Place& place, const std::string& name) {
  const std::string row = key_of(place, "purge", name);
  if (erase_slice(context, place, name, rows_per_slice)) {
    context.erase(row);
    return;
  }
  put_json(context, row, {});
  context.set_timer("logs", fmt::format("purge/{}/{}", place.region, name), context.now(),
                    {{"Purge", name}, {"Region", place.region}, {"Account", place.account}});
}

std::string sweep_timer(const Place& place, std::string_view group) {
  return fmt::format("retention/{}/{}", place.region, group);
}

void set_sweep(Context& context, const Place& place, std::string_view group, Timestamp at,
               const std::string& after) {
  json::object payload{{"Group", group}, {"Region", place.region}, {"Account", place.account}};
  if (!after.empty()) payload["After"] = after;
  context.set_timer("logs", sweep_timer(place, group), at, std::move(payload));
}

// Erases the events of one stream that are older than the cutoff, at most `budget`; true when none
// is left. Events of a stream lie in the order of their time.
bool sweep_stream(Context& context, const std::string& stream, std::int64_t cutoff,
                  std::size_t& budget) {
  constexpr std::size_t page = 100;
  for (;;) {
    const auto rows = context.scan(stream, {}, std::min(page, budget));
    for (const store::Row& row : rows) {
      if (std::stoll(row.key.substr(stream.size(), timestamp_digits)) >= cutoff) return true;
      context.erase(row.key);
      --budget;
    }
    if (budget == 0) return false;
    if (rows.size() < page) return true;
  }
}

// One slice behind `after`. Where the next one begins; nothing at the end of the pass.
std::optional<std::string> sweep_slice(Context& context, const std::string& group_prefix,
                                       std::string after, std::int64_t cutoff) {
  std::size_t budget = rows_per_slice;
  while (budget > 0) {
    const auto next = context.scan(group_prefix, after, 1);
    if (next.empty()) return std::nullopt;
    --budget;
    const std::string stream = next[0].key.substr(0, next[0].key.rfind(separator) + 1);
    if (budget == 0 || !sweep_stream(context, stream, cutoff, budget)) return after;
    after = stream;
    ++after.back();  // Beyond all rows of the stream, which have a separator there.
  }
  return after;
}

void sweep(Context& context, const Place& place, const json::object& payload) {
  const std::string group = text(payload, "Group");
  const auto row = get_json(context, key_of(place, "group", group));
  const std::int64_t days = row ? number(*row, "RetentionInDays", 0) : 0;
  if (days == 0) return;
  const auto next =
      sweep_slice(context, fmt::format("{}{}", key_of(place, "event", group), separator),
                  text(payload, "After"), milliseconds(context.now() - std::chrono::days{days}));
  set_sweep(context, place, group, context.now() + (next ? Duration{0} : Duration{sweep_interval}),
            next.value_or(""));
}

}  // namespace

void purge(Context& context, const std::string& name) {
  go_on_purging(context, place_of(context), name);
}

void finish_purge(Context& context, const std::string& name) {
  const Place place = place_of(context);
  const std::string row = key_of(place, "purge", name);
  if (!context.get(row)) return;
  while (!erase_slice(context, place, name, rows_per_slice)) {
  }
  context.erase(row);
  context.cancel_timer("logs", fmt::format("purge/{}/{}", place.region, name));
}

void schedule_sweep(Context& context, std::string_view group) {
  set_sweep(context, place_of(context), group, context.now() + sweep_interval, "");
}

void cancel_sweep(Context& context, std::string_view group) {
  context.cancel_timer("logs", sweep_timer(place_of(context), group));
}

void on_timer(Context& context, const json::object& payload) {
  const Place place{.region = text(payload, "Region"), .account = text(payload, "Account")};
  if (!payload.contains("Purge")) return sweep(context, place, payload);
  const std::string name = text(payload, "Purge");
  if (context.get(key_of(place, "purge", name))) go_on_purging(context, place, name);
}

}  // namespace kiban::services::logs
