#include "services/cloudwatch/alarm_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::size_t kept = 100;  // Entries of one alarm.
constexpr std::int64_t page_size = 100;

std::string history_key(const Context& context, std::string_view alarm) {
  return fmt::format("cloudwatch/{}/history/{}", context.caller().region, alarm);
}

bool selected(const json::object& input, const json::object& entry) {
  if (input.contains("HistoryItemType") &&
      text(input, "HistoryItemType") != text(entry, "HistoryItemType"))
    return false;
  const double time = entry.at("Timestamp").to_number<double>();
  const json::value* from = find(input, "StartDate");
  const json::value* to = find(input, "EndDate");
  return (!from || time >= from->to_number<double>()) && (!to || time <= to->to_number<double>());
}

}  // namespace

void note(Context& context, std::string_view alarm, std::string_view type,
          const std::string& summary, const json::object& data) {
  const std::string key = history_key(context, alarm);
  json::object row = get_json(context, key).value_or(json::object{{"Entries", json::array{}}});
  json::array& entries = row["Entries"].as_array();
  entries.push_back({{"AlarmName", alarm},
                     {"AlarmType", "MetricAlarm"},
                     {"Timestamp", epoch_seconds(context.now())},
                     {"HistoryItemType", type},
                     {"HistorySummary", summary},
                     {"HistoryData", print_json(data)}});
  if (entries.size() > kept) entries.erase(entries.begin());
  put_json(context, key, row);
}

Result<json::object> describe_alarm_history(Context& context, const json::object& input) {
  std::vector<json::object> found;
  const json::array* types = find_array(input, "AlarmTypes");
  const bool metric_alarms = !types || types->empty() ||
                             std::ranges::find(*types, json::value("MetricAlarm")) != types->end();
  const std::string wanted = history_key(context, text(input, "AlarmName"));
  for (const store::Row& row : context.scan(wanted)) {
    if (!metric_alarms || (input.contains("AlarmName") && row.key != wanted)) continue;
    const json::object history = object_of(row.key, row.value);
    for (const json::value& entry : history.at("Entries").as_array())
      if (selected(input, entry.as_object())) found.push_back(entry.as_object());
  }
  // Of one alarm they are in order already; "the newest event history" is first by default.
  json::array all(found.rbegin(), found.rend());
  std::ranges::sort(all, [&](const json::value& left, const json::value& right) {
    const double earlier = left.at("Timestamp").to_number<double>();
    const double later = right.at("Timestamp").to_number<double>();
    return text(input, "ScanBy") == "TimestampAscending" ? earlier < later : earlier > later;
  });
  const auto limit = static_cast<std::size_t>(number(input, "MaxRecords", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"AlarmHistoryItems", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::cloudwatch
