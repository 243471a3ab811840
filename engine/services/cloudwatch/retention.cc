#include "services/cloudwatch/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "services/base/table_service.h"
#include "services/cloudwatch/metrics.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::chrono::days minutes_kept{15};
constexpr std::chrono::days five_minutes_kept{63};
constexpr std::chrono::days hours_kept{455};

constexpr std::chrono::hours pass_interval{24};
constexpr std::chrono::minutes slice_interval{1};
constexpr std::size_t rows_per_slice = 2'000;  // Read; a metric is never cut.

// The rows of one metric.
struct Series {
  Context& context;
  std::string prefix{};  // cloudwatch/REGION/minute/ID/

  std::string key(Timestamp time) const {
    return fmt::format("{}{:015}", prefix,
                       std::max<std::int64_t>(0, time.time_since_epoch().count()));
  }
  // Rows from `from` on, before `to`.
  std::vector<store::Row> rows(Timestamp from, Timestamp to) const {
    std::vector<store::Row> found;
    const std::string end = key(to);
    std::string after = key(from - Duration{1});
    if (from <= Timestamp{}) after.clear();
    constexpr std::size_t page = 500;
    for (;;) {
      const auto some = context.scan(prefix, after, page);
      for (const store::Row& row : some) {
        if (row.key >= end) return found;
        found.push_back(row);
      }
      if (some.size() < page) return found;
      after = some.back().key;
    }
  }
};

// Merges the rows of that time into those of whole steps; how many it read.
std::size_t coarsen(const Series& series, Timestamp from, Timestamp to, Duration step) {
  const auto begin_of = [&](Timestamp time) {
    return Timestamp{time.time_since_epoch() / step * step};
  };
  const auto rows = series.rows(begin_of(from), begin_of(to));
  for (std::size_t i = 0; i < rows.size();) {
    const std::string key = series.key(begin_of(minute_of_key(rows[i].key)));
    Minute merged;
    std::size_t next = i;
    for (; next < rows.size() && series.key(begin_of(minute_of_key(rows[next].key))) == key; ++next)
      merge(merged, minute_from_row(rows[next]));
    if (next - i > 1 || rows[i].key != key) {
      for (; i < next; ++i) series.context.erase(rows[i].key);
      put_minute(series.context, key, merged);
    }
    i = next;
  }
  return rows.size();
}

std::size_t erase_before(const Series& series, Timestamp to) {
  const auto rows = series.rows(Timestamp{}, to);
  for (const store::Row& row : rows) series.context.erase(row.key);
  return rows.size();
}

// One metric; how many rows were read. `from`: when the last complete pass began.
std::size_t bound_metric(Context& context, const std::string& region_prefix, const std::string& id,
                         Timestamp from, Timestamp now) {
  const Series series{context, fmt::format("{}minute/{}/", region_prefix, id)};
  std::size_t read = 1;
  read += erase_before(series, now - hours_kept);
  read += coarsen(series, from - five_minutes_kept, now - five_minutes_kept, std::chrono::hours{1});
  read += coarsen(series, from - minutes_kept, now - minutes_kept, std::chrono::minutes{5});
  if (context.scan(series.prefix, {}, 1).empty())
    context.erase(fmt::format("{}metric/{}", region_prefix, id));
  return read;
}

// Metrics behind `after`; the last one that was done, or nothing at the end of the pass.
std::optional<std::string> slice(Context& context, const std::string& region_prefix,
                                 const std::string& after, Timestamp from, Timestamp now) {
  const std::string prefix = region_prefix + "metric/";
  constexpr std::size_t page = 100;
  std::size_t read = 0;
  std::string at = after.empty() ? std::string() : prefix + after;
  for (;;) {
    const auto some = context.scan(prefix, at, page);
    for (const store::Row& row : some) {
      if (read >= rows_per_slice) return at.substr(prefix.size());
      at = row.key;
      read += bound_metric(context, region_prefix, at.substr(prefix.size()), from, now);
    }
    if (some.size() < page) return std::nullopt;
  }
}

Timestamp time_at(const json::object& row, std::string_view member) {
  return Timestamp{Duration{number(row, member, 0)}};
}

}  // namespace

void bound_metrics(Context& context) {
  const std::string region_prefix = fmt::format("cloudwatch/{}/", context.caller().region);
  const std::string key = region_prefix + "retention";
  json::object row = get_json(context, key).value_or(json::object{});
  const Timestamp now = context.now();
  if (time_at(row, "Next") > now) return;
  const std::string after = text(row, "After");
  if (after.empty()) row["Began"] = now.time_since_epoch().count();
  const auto next =
      slice(context, region_prefix, after, time_at(row, "From"), time_at(row, "Began"));
  if (next) {
    row["After"] = *next;
    row["Next"] = (now + slice_interval).time_since_epoch().count();
  } else {
    row.erase("After");
    row["From"] = row["Began"];
    row["Next"] = (now + pass_interval).time_since_epoch().count();
  }
  put_json(context, key, row);
}

}  // namespace kiban::services::cloudwatch
