#include "services/cloudwatch/alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/codec.h"
#include "services/base/pages.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/alarm.h"
#include "services/cloudwatch/alarm_history.h"
#include "services/cloudwatch/alarm_rules.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::size_t page_size = 100;
constexpr std::int64_t period_default = 60;  // Seconds.

std::string timer_id(const Context& context, std::string_view name) {
  return fmt::format("alarm/{}/{}", context.caller().region, name);
}

std::unexpected<Error> no_alarm(std::string_view name) {
  return fail("ResourceNotFound", fmt::format("Unknown alarm: {}", name));
}

struct Verdict {
  AlarmState state{AlarmState::InsufficientData};
  std::string reason{};
};

// The last EvaluationPeriods periods, the running one included, so that an alarm moves as soon as
// its datapoint is there. Missing ones count as TreatMissingData says.
Result<Verdict> judge(const Context& context, const Alarm& alarm) {
  const std::chrono::seconds period{alarm.period.value_or(period_default)};
  const std::int64_t wanted = alarm.evaluation_periods;
  const std::int64_t needed = alarm.datapoints_to_alarm.value_or(wanted);
  const std::string missing = alarm.missing_data.empty() ? "missing" : alarm.missing_data;
  const double threshold = alarm.threshold.value_or(0);
  const Timestamp last{context.now().time_since_epoch() / period * Duration{period}};
  const Timestamp first = last - period * (wanted - 1);
  const auto periods = read(context, metric_of(alarm), first, last + period, period);
  std::int64_t bad = 0;
  std::string values;
  for (const Period& one : periods) {
    KIBAN_TRY(const double value, statistic(one.values, alarm.statistic));
    KIBAN_TRY(const bool breach, breaches(value, alarm.comparison, threshold));
    bad += breach ? 1 : 0;
    values +=
        fmt::format("{}{} ({})", values.empty() ? "" : ", ", value, format_iso8601(one.start));
  }
  const std::int64_t absent = wanted - std::ssize(periods);
  if (missing == "breaching") bad += absent;
  const bool alarmed = bad >= needed;
  if (!alarmed && periods.empty() && missing == "missing")
    return Verdict{AlarmState::InsufficientData, "Insufficient Data: no datapoints were received."};
  if (!alarmed && periods.empty() && missing == "ignore") return Verdict{alarm.state, ""};
  return Verdict{alarmed ? AlarmState::Alarm : AlarmState::Ok,
                 fmt::format("Threshold Crossed: {} out of the last {} datapoints [{}] {} {} the "
                             "threshold ({}).",
                             bad, wanted, values, bad == 1 ? "was" : "were",
                             alarmed ? "beyond" : "not enough beyond", threshold)};
}

std::string with_offset(Timestamp time) {
  std::string words = format_iso8601(time);
  words.pop_back();
  return words + "+0000";
}

// The event that a function gets of an alarm.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
json::object function_event(const Context& context, const Alarm& alarm, const Alarm& before) {
  json::object dimensions;
  for (const auto& [name, value] : metric_of(alarm).dimensions) dimensions[name] = value;
  const auto state_of = [](const Alarm& row) {
    json::object state{{"value", name_of(row.state)}, {"reason", row.state_reason.value_or("")}};
    if (row.state_updated) state["timestamp"] = with_offset(*row.state_updated);
    return state;
  };
  // Built in steps: static analysis of one deeply nested initialiser takes minutes.
  json::object measured{{"namespace", alarm.metric_namespace}, {"name", alarm.metric_name}};
  measured["dimensions"] = std::move(dimensions);
  json::object statistic_of{{"period", alarm.period.value_or(period_default)},
                            {"stat", alarm.statistic}};
  statistic_of["metric"] = std::move(measured);
  json::object query{{"id", "m1"}, {"returnData", true}};
  query["metricStat"] = std::move(statistic_of);
  json::object configuration{{"description", alarm.description.value_or("")}};
  configuration["metrics"] = json::array{std::move(query)};
  json::object data{{"alarmName", alarm.name}};
  data["state"] = state_of(alarm);
  data["previousState"] = state_of(before);
  data["configuration"] = std::move(configuration);
  json::object event{{"source", "aws.cloudwatch"},
                     {"alarmArn", alarm.arn},
                     {"accountId", context.caller().account},
                     {"time", with_offset(context.now())},
                     {"region", context.caller().region}};
  event["alarmData"] = std::move(data);
  return event;
}

void invoke_function(Context& context, std::string_view arn, const Alarm& alarm,
                     const Alarm& before) {
  const std::string event = print_json(function_event(context, alarm, before));
  (void)context.call(
      "lambda", "Invoke",
      {{"FunctionName", arn}, {"InvocationType", "Event"}, {"Payload", api::encode_base64(event)}},
      {.account = context.caller().account,
       .region = context.caller().region,
       .arn = "lambda.alarms.cloudwatch.amazonaws.com",
       .source_arn = alarm.arn,
       .acts_for = alarm.arn});
}

void tell(Context& context, const Alarm& alarm, const Alarm& before) {
  if (!alarm.actions_enabled) return;
  const std::string_view state = name_of(alarm.state);
  const json::object message{{"AlarmName", alarm.name},
                             {"AlarmDescription", alarm.description.value_or("")},
                             {"AWSAccountId", context.caller().account},
                             {"NewStateValue", state},
                             {"NewStateReason", alarm.state_reason.value_or("")},
                             {"StateChangeTime", format_iso8601(context.now())},
                             {"Region", context.caller().region},
                             {"AlarmArn", alarm.arn},
                             {"OldStateValue", name_of(before.state)},
                             {"Trigger", to_json(metric_of(alarm))}};
  // The topic's policy decides.
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
  const Caller cloudwatch{.account = context.caller().account,
                          .region = context.caller().region,
                          .arn = "cloudwatch.amazonaws.com",
                          .source_arn = alarm.arn,
                          .acts_for = alarm.arn};
  for (const std::string& arn : actions_of(alarm, alarm.state)) {
    if (arn.starts_with("arn:aws:lambda:")) {
      invoke_function(context, arn, alarm, before);
      continue;
    }
    if (!arn.starts_with("arn:aws:sns:")) continue;  // put_alarm lets no other pass.
    (void)context.call(
        "sns", "Publish",
        {{"TopicArn", arn},
         {"Subject", fmt::format("{}: \"{}\" in {}", state, alarm.name, context.caller().region)},
         {"Message", print_json(message)}},
        cloudwatch);
  }
}

void save(Context& context, const Alarm& alarm) {
  put_row(context, alarm_key(context, alarm.name), alarm);
}

void move(Context& context, Alarm& alarm, const Verdict& verdict) {
  const Alarm before = alarm;
  const AlarmState old_state = alarm.state;
  if (old_state == verdict.state) return;
  alarm.state = verdict.state;
  alarm.state_reason = verdict.reason;
  alarm.state_updated = alarm.state_transitioned = context.now();
  save(context, alarm);
  note(context, alarm.name, "StateUpdate",
       fmt::format("Alarm updated from {} to {}", name_of(old_state), name_of(verdict.state)),
       {{"newState", verdict.reason}});
  tell(context, alarm, before);
}

void evaluate(Context& context, Alarm& alarm) {
  const auto verdict = judge(context, alarm);
  if (verdict) move(context, alarm, *verdict);
}

void schedule(Context& context, const Alarm& alarm) {
  context.set_timer("cloudwatch", timer_id(context, alarm.name),
                    context.now() + std::chrono::seconds{alarm.period.value_or(period_default)},
                    {{"Alarm", alarm.name},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account}});
}

std::optional<Alarm> find_alarm(const Context& context, std::string_view name) {
  return get_row<Alarm>(context, alarm_key(context, name));
}

Result<json::object> set_actions(Context& context, const json::object& input, bool enabled) {
  const json::array* names = find_array(input, "AlarmNames");
  for (const json::value& name : names ? *names : json::array{}) {
    auto alarm = find_alarm(context, std::string_view(name.as_string()));
    if (!alarm) continue;
    alarm->actions_enabled = enabled;
    save(context, *alarm);
  }
  return json::object{};
}

}  // namespace

Result<json::object> put_alarm(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_alarm(context, input));
  const std::string name = text(input, "AlarmName");
  json::object given = input;
  given.erase("Tags");
  Alarm alarm = read_row<Alarm>(name, given);
  const auto old = find_alarm(context, name);
  alarm.arn = alarm_arn(context, name);
  // Tags given for an alarm that is there already are ignored, by the API reference.
  if (!old) set_tags(context, alarm.arn, input);
  alarm.state = old ? old->state : AlarmState::InsufficientData;
  alarm.state_reason = old ? old->state_reason : "Unchecked: Initial alarm creation";
  alarm.state_updated = old ? old->state_updated : context.now();
  alarm.configuration_updated = context.now();
  save(context, alarm);
  note(context, name, "ConfigurationUpdate",
       fmt::format("Alarm \"{}\" {}", name, old ? "updated" : "created"),
       {{"type", old ? "Update" : "Create"}});
  schedule(context, alarm);
  evaluate(context, alarm);
  return json::object{};
}

namespace {

bool has_action(const Alarm& alarm, std::string_view prefix) {
  const auto starts = [&](const std::string& action) { return action.starts_with(prefix); };
  return std::ranges::any_of(alarm.alarm_actions, starts) ||
         std::ranges::any_of(alarm.ok_actions, starts) ||
         std::ranges::any_of(alarm.insufficient_data_actions, starts);
}

bool wants_metric_alarms(const json::object& input) {
  const json::array* types = find_array(input, "AlarmTypes");
  return !types || types->empty() ||
         std::ranges::find(*types, json::value("MetricAlarm")) != types->end();
}

// "If you specify ChildrenOfAlarmName, you cannot specify any other parameters in the request
// except for MaxRecords and NextToken"; the same of ParentsOfAlarmName.
Result<void> check_relatives(const json::object& input) {
  for (const std::string_view relative : {"ChildrenOfAlarmName", "ParentsOfAlarmName"}) {
    if (!input.contains(relative)) continue;
    for (const auto& member : input) {
      const std::string_view name = member.key();
      if (name != relative && name != "MaxRecords" && name != "NextToken")
        return fail("ValidationError",
                    fmt::format("{} and {} cannot both be specified.", relative, name));
    }
  }
  return {};
}

}  // namespace

Result<json::object> describe_alarms(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_relatives(input));
  const json::array* names = find_array(input, "AlarmNames");
  const std::string state = text(input, "StateValue");
  // There are no composite alarms, so that none has children or parents.
  const bool relatives =
      input.contains("ChildrenOfAlarmName") || input.contains("ParentsOfAlarmName");
  const auto selected = [&](const Alarm& alarm) {
    if (!state.empty() && name_of(alarm.state) != state) return false;
    return !input.contains("ActionPrefix") || has_action(alarm, text(input, "ActionPrefix"));
  };
  const auto limit = static_cast<std::size_t>(number(input, "MaxRecords", page_size));
  const json::string* token = find_string(input, "NextToken");
  Page page;
  if (relatives || !wants_metric_alarms(input)) {
    KIBAN_TRY(page, paginate({}, limit, token));
  } else if (names && !names->empty()) {
    std::set<std::string, std::less<>> wanted;  // At most 100, in the order of their rows.
    for (const json::value& name : *names) wanted.insert(to_string(name.as_string()));
    json::array all;
    for (const std::string& name : wanted) {
      const auto alarm = find_alarm(context, name);
      if (alarm && selected(*alarm)) all.push_back(shown(*alarm));
    }
    KIBAN_TRY(page, paginate(all, limit, token));
  } else {
    const auto entry = [&](const store::Row& row) -> std::optional<json::value> {
      const auto alarm = read_row<Alarm>(row.key, object_of(row.key, row.value));
      if (!selected(alarm)) return std::nullopt;
      return shown(alarm);
    };
    KIBAN_TRY(page, page_of_rows(context, alarm_key(context, text(input, "AlarmNamePrefix")), limit,
                                 token, entry));
  }
  json::object reply{{"MetricAlarms", std::move(page.entries)}, {"CompositeAlarms", json::array{}}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> describe_alarms_for_metric(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_dimensions(input));
  json::array found;
  const Metric metric = metric_from(input);
  const auto differs = [&](const json::object& alarm, std::string_view member) {
    const json::value* wanted = find(input, member);
    const json::value* has = find(alarm, member);
    return wanted && (!has || *has != *wanted);
  };
  for (const store::Row& row : context.scan(alarm_key(context, ""))) {
    json::object alarm = shown(read_row<Alarm>(row.key, object_of(row.key, row.value)));
    if (metric_from(alarm) != metric) continue;
    if (differs(alarm, "Statistic") || differs(alarm, "ExtendedStatistic") ||
        differs(alarm, "Period") || differs(alarm, "Unit"))
      continue;
    found.push_back(std::move(alarm));
  }
  return json::object{{"MetricAlarms", std::move(found)}};
}

// "If you specify any incorrect alarm names, the alarms you specify with correct names are still
// deleted." An error undoes all that a request did here, so that it comes only when none exists.
Result<json::object> delete_alarms(Context& context, const json::object& input) {
  const json::array* names = find_array(input, "AlarmNames");
  bool deleted = false;
  for (const json::value& name : names ? *names : json::array{}) {
    const std::string alarm = to_string(name.as_string());
    if (!context.get(alarm_key(context, alarm))) continue;
    deleted = true;
    note(context, alarm, "ConfigurationUpdate", fmt::format("Alarm \"{}\" deleted", alarm),
         {{"type", "Delete"}});
    context.erase(alarm_key(context, alarm));
    drop_tags(context, alarm_arn(context, alarm));
    context.cancel_timer("cloudwatch", timer_id(context, alarm));
  }
  if (deleted || !names || names->empty()) return json::object{};
  return no_alarm(std::string_view((*names)[0].as_string()));
}

Result<json::object> set_alarm_state(Context& context, const json::object& input) {
  auto alarm = find_alarm(context, text(input, "AlarmName"));
  if (!alarm) return no_alarm(text(input, "AlarmName"));
  if (const std::string data = text(input, "StateReasonData"); !data.empty()) {
    if (!parse_json(data))
      return fail("InvalidFormat", "StateReasonData is not syntactically valid JSON.");
    alarm->state_reason_data = data;
  }
  const auto state = enum_of<AlarmState>(text(input, "StateValue"));
  if (!state) return fail("ValidationError", "StateValue must be OK, ALARM or INSUFFICIENT_DATA");
  move(context, *alarm, {*state, text(input, "StateReason")});
  return json::object{};
}

Result<json::object> enable_actions(Context& context, const json::object& input) {
  return set_actions(context, input, true);
}
Result<json::object> disable_actions(Context& context, const json::object& input) {
  return set_actions(context, input, false);
}

void evaluate_timer(Context& context, const json::object& payload) {
  auto alarm = find_alarm(context, text(payload, "Alarm"));
  if (!alarm) return;
  evaluate(context, *alarm);
  schedule(context, *alarm);
}

void evaluate_metric(Context& context, const Metric& metric) {
  std::string name;
  append_json_string(name, metric.name);
  for (const store::Row& row : context.scan(alarm_key(context, ""))) {
    if (row.value.find(name) == std::string::npos) continue;  // Cheaper than to parse them all.
    // One damaged alarm must not refuse everybody's metrics.
    const Result<json::value> parsed = parse_json(row.value);
    const json::object* object = parsed ? parsed->if_object() : nullptr;
    if (object == nullptr || !object->contains("AlarmName") || metric_from(*object) != metric)
      continue;
    if (auto alarm = try_row<Alarm>(*object)) evaluate(context, *alarm);
  }
}

}  // namespace kiban::services::cloudwatch
