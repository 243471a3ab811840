#include "services/cloudwatch/alarms.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/alarm_history.h"
#include "services/cloudwatch/alarm_rules.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::size_t page_size = 100;

std::string timer_id(const Context& context, std::string_view name) {
  return fmt::format("alarm/{}/{}", context.caller().region, name);
}

std::unexpected<Error> no_alarm(std::string_view name) {
  return fail("ResourceNotFound", fmt::format("Unknown alarm: {}", name));
}

struct Verdict {
  std::string state{};
  std::string reason{};
};

// The last EvaluationPeriods periods, the running one included, so that an alarm moves as soon as
// its datapoint is there. Missing ones count as TreatMissingData says.
Result<Verdict> judge(const Context& context, const json::object& alarm) {
  const std::chrono::seconds period{number(alarm, "Period", 60)};
  const std::int64_t wanted = number(alarm, "EvaluationPeriods", 1);
  const std::int64_t needed = number(alarm, "DatapointsToAlarm", wanted);
  const std::string missing = text(alarm, "TreatMissingData", "missing");
  const double threshold = alarm.at("Threshold").to_number<double>();
  const Timestamp last{context.now().time_since_epoch() / period * Duration{period}};
  const Timestamp first = last - period * (wanted - 1);
  const auto periods = read(context, metric_from(alarm), first, last + period, period);
  std::int64_t bad = 0;
  std::string values;
  for (const Period& one : periods) {
    KIBAN_TRY(const double value, statistic(one.values, text(alarm, "Statistic")));
    KIBAN_TRY(const bool breach, breaches(value, text(alarm, "ComparisonOperator"), threshold));
    bad += breach ? 1 : 0;
    values +=
        fmt::format("{}{} ({})", values.empty() ? "" : ", ", value, format_iso8601(one.start));
  }
  const std::int64_t absent = wanted - std::ssize(periods);
  if (missing == "breaching") bad += absent;
  const bool alarmed = bad >= needed;
  if (!alarmed && periods.empty() && missing == "missing")
    return Verdict{"INSUFFICIENT_DATA", "Insufficient Data: no datapoints were received."};
  if (!alarmed && periods.empty() && missing == "ignore") return Verdict{text(alarm, "StateValue")};
  return Verdict{alarmed ? "ALARM" : "OK",
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

// What a function gets of an alarm.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
json::object function_event(const Context& context, const json::object& alarm,
                            const json::object& before) {
  const Metric metric = metric_from(alarm);
  json::object dimensions;
  for (const auto& [name, value] : metric.dimensions) dimensions[name] = value;
  const auto state_of = [](const json::object& row) {
    json::object state{{"value", text(row, "StateValue")}, {"reason", text(row, "StateReason")}};
    if (const json::value* since = find(row, "StateUpdatedTimestamp"))
      state["timestamp"] = with_offset(from_epoch_seconds(since->to_number<double>()));
    return state;
  };
  // Built in steps: static analysis of one deeply nested initialiser takes minutes.
  json::object measured{{"namespace", metric.metric_namespace}, {"name", metric.name}};
  measured["dimensions"] = std::move(dimensions);
  json::object statistic_of{{"period", number(alarm, "Period", 60)},
                            {"stat", text(alarm, "Statistic")}};
  statistic_of["metric"] = std::move(measured);
  json::object query{{"id", "m1"}, {"returnData", true}};
  query["metricStat"] = std::move(statistic_of);
  json::object configuration{{"description", text(alarm, "AlarmDescription")}};
  configuration["metrics"] = json::array{std::move(query)};
  json::object data{{"alarmName", text(alarm, "AlarmName")}};
  data["state"] = state_of(alarm);
  data["previousState"] = state_of(before);
  data["configuration"] = std::move(configuration);
  json::object event{{"source", "aws.cloudwatch"},
                     {"alarmArn", text(alarm, "AlarmArn")},
                     {"accountId", context.caller().account},
                     {"time", with_offset(context.now())},
                     {"region", context.caller().region}};
  event["alarmData"] = std::move(data);
  return event;
}

void invoke_function(Context& context, std::string_view arn, const json::object& event) {
  (void)context.call("lambda", "Invoke",
                     {{"FunctionName", arn},
                      {"InvocationType", "Event"},
                      {"Payload", api::encode_base64(print_json(event))}},
                     {.account = context.caller().account,
                      .region = context.caller().region,
                      .arn = "lambda.alarms.cloudwatch.amazonaws.com",
                      .source_arn = text(event, "alarmArn")});
}

void tell(Context& context, const json::object& alarm, const json::object& before) {
  const std::string state = text(alarm, "StateValue");
  const std::string_view list = state == "ALARM" ? "AlarmActions"
                                : state == "OK"  ? "OKActions"
                                                 : "InsufficientDataActions";
  const json::array* actions = find_array(alarm, list);
  if (!actions || !flag(alarm, "ActionsEnabled", true)) return;
  const json::object message{{"AlarmName", text(alarm, "AlarmName")},
                             {"AlarmDescription", text(alarm, "AlarmDescription")},
                             {"AWSAccountId", context.caller().account},
                             {"NewStateValue", state},
                             {"NewStateReason", text(alarm, "StateReason")},
                             {"StateChangeTime", format_iso8601(context.now())},
                             {"Region", context.caller().region},
                             {"AlarmArn", text(alarm, "AlarmArn")},
                             {"OldStateValue", text(before, "StateValue")},
                             {"Trigger", to_json(metric_from(alarm))}};
  const Caller cloudwatch{.account = context.caller().account,
                          .region = context.caller().region,
                          .arn = "cloudwatch.amazonaws.com"};
  for (const json::value& action : *actions) {
    const std::string arn = to_string(action.as_string());
    if (arn.starts_with("arn:aws:lambda:")) {
      invoke_function(context, arn, function_event(context, alarm, before));
      continue;
    }
    if (!arn.starts_with("arn:aws:sns:")) continue;  // put_alarm lets no other pass.
    (void)context.call("sns", "Publish",
                       {{"TopicArn", arn},
                        {"Subject", fmt::format("{}: \"{}\" in {}", state, text(alarm, "AlarmName"),
                                                context.caller().region)},
                        {"Message", print_json(message)}},
                       cloudwatch);
  }
}

void move(Context& context, json::object& alarm, const Verdict& verdict) {
  const json::object before = alarm;
  const std::string old_state = text(alarm, "StateValue");
  if (old_state == verdict.state) return;
  alarm["StateValue"] = verdict.state;
  alarm["StateReason"] = verdict.reason;
  alarm["StateUpdatedTimestamp"] = epoch_seconds(context.now());
  alarm["StateTransitionedTimestamp"] = epoch_seconds(context.now());
  put_json(context, alarm_key(context, text(alarm, "AlarmName")), alarm);
  note(context, alarm, "StateUpdate",
       fmt::format("Alarm updated from {} to {}", old_state, verdict.state),
       {{"newState", verdict.reason}});
  tell(context, alarm, before);
}

void evaluate(Context& context, json::object& alarm) {
  const auto verdict = judge(context, alarm);
  if (verdict) move(context, alarm, *verdict);
}

void schedule(Context& context, const json::object& alarm) {
  const std::string name = text(alarm, "AlarmName");
  context.set_timer("cloudwatch", timer_id(context, name),
                    context.now() + std::chrono::seconds{number(alarm, "Period", 60)},
                    {{"Alarm", name},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account}});
}

std::vector<json::object> all_alarms(const Context& context, std::string_view prefix) {
  return list_json(context, alarm_key(context, prefix));
}

Result<json::object> set_actions(Context& context, const json::object& input, bool enabled) {
  const json::array* names = find_array(input, "AlarmNames");
  for (const json::value& name : names ? *names : json::array{}) {
    const std::string key = alarm_key(context, std::string_view(name.as_string()));
    auto alarm = get_json(context, key);
    if (!alarm) continue;
    (*alarm)["ActionsEnabled"] = enabled;
    put_json(context, key, *alarm);
  }
  return json::object{};
}

}  // namespace

Result<json::object> put_alarm(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_alarm(context, input));
  const std::string name = text(input, "AlarmName");
  json::object alarm = input;
  alarm.erase("Tags");
  if (!alarm.contains("ActionsEnabled")) alarm["ActionsEnabled"] = true;
  for (const auto* list : {"AlarmActions", "OKActions", "InsufficientDataActions", "Dimensions"}) {
    if (!alarm.contains(list)) alarm[list] = json::array{};
  }
  const auto old = get_json(context, alarm_key(context, name));
  alarm["AlarmArn"] = alarm_arn(context, name);
  // Tags given for an alarm that is there already are ignored, by the API reference.
  if (!old) set_tags(context, text(alarm, "AlarmArn"), input);
  alarm["StateValue"] = old ? text(*old, "StateValue") : "INSUFFICIENT_DATA";
  alarm["StateReason"] = old ? text(*old, "StateReason") : "Unchecked: Initial alarm creation";
  const double now = epoch_seconds(context.now());
  alarm["StateUpdatedTimestamp"] = old ? old->at("StateUpdatedTimestamp") : json::value(now);
  alarm["AlarmConfigurationUpdatedTimestamp"] = now;
  put_json(context, alarm_key(context, name), alarm);
  note(context, alarm, "ConfigurationUpdate",
       fmt::format("Alarm \"{}\" {}", name, old ? "updated" : "created"),
       {{"type", old ? "Update" : "Create"}});
  schedule(context, alarm);
  evaluate(context, alarm);
  return json::object{};
}

namespace {

bool has_action(const json::object& alarm, std::string_view prefix) {
  for (const auto* list : {"AlarmActions", "OKActions", "InsufficientDataActions"}) {
    const json::array* actions = find_array(alarm, list);
    for (const json::value& action : actions ? *actions : json::array{})
      if (std::string_view(action.as_string()).starts_with(prefix)) return true;
  }
  return false;
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
  json::array all;
  const json::array* names = find_array(input, "AlarmNames");
  const std::string state = text(input, "StateValue");
  // There are no composite alarms, so that none has children or parents.
  const bool relatives =
      input.contains("ChildrenOfAlarmName") || input.contains("ParentsOfAlarmName");
  for (json::object& alarm : all_alarms(context, text(input, "AlarmNamePrefix"))) {
    if (relatives || !wants_metric_alarms(input)) break;
    if (!state.empty() && text(alarm, "StateValue") != state) continue;
    if (names && !names->empty() &&
        std::ranges::find(*names, alarm.at("AlarmName")) == names->end())
      continue;
    if (input.contains("ActionPrefix") && !has_action(alarm, text(input, "ActionPrefix"))) continue;
    all.push_back(std::move(alarm));
  }
  const auto limit = static_cast<std::size_t>(number(input, "MaxRecords", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
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
  for (json::object& alarm : all_alarms(context, "")) {
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
    const auto row = get_json(context, alarm_key(context, alarm));
    if (!row) continue;
    deleted = true;
    note(context, *row, "ConfigurationUpdate", fmt::format("Alarm \"{}\" deleted", alarm),
         {{"type", "Delete"}});
    context.erase(alarm_key(context, alarm));
    drop_tags(context, alarm_arn(context, alarm));
    context.cancel_timer("cloudwatch", timer_id(context, alarm));
  }
  if (deleted || !names || names->empty()) return json::object{};
  return no_alarm(std::string_view((*names)[0].as_string()));
}

Result<json::object> set_alarm_state(Context& context, const json::object& input) {
  auto alarm = get_json(context, alarm_key(context, text(input, "AlarmName")));
  if (!alarm) return no_alarm(text(input, "AlarmName"));
  if (const std::string data = text(input, "StateReasonData"); !data.empty()) {
    if (!parse_json(data))
      return fail("InvalidFormat", "StateReasonData is not syntactically valid JSON.");
    (*alarm)["StateReasonData"] = data;
  }
  move(context, *alarm, {text(input, "StateValue"), text(input, "StateReason")});
  return json::object{};
}

Result<json::object> enable_actions(Context& context, const json::object& input) {
  return set_actions(context, input, true);
}
Result<json::object> disable_actions(Context& context, const json::object& input) {
  return set_actions(context, input, false);
}

void evaluate_timer(Context& context, const json::object& payload) {
  auto alarm = get_json(context, alarm_key(context, text(payload, "Alarm")));
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
    Result<json::value> alarm = parse_json(row.value);
    if (!alarm || !alarm->is_object() || !alarm->get_object().contains("AlarmName")) continue;
    if (metric_from(alarm->get_object()) == metric) evaluate(context, alarm->get_object());
  }
}

}  // namespace kiban::services::cloudwatch
