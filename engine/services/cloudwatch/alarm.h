// An alarm on one metric, as its row cloudwatch/REGION/alarm/NAME keeps it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "services/base/members.h"
#include "services/cloudwatch/metrics.h"

namespace kiban::services::cloudwatch {

enum class AlarmState : std::uint8_t { Ok, Alarm, InsufficientData };

}  // namespace kiban::services::cloudwatch

template <>
struct kiban::services::EnumNames<kiban::services::cloudwatch::AlarmState> {
  static constexpr std::array<std::string_view, 3> names{"OK", "ALARM", "INSUFFICIENT_DATA"};
};

namespace kiban::services::cloudwatch {

struct Alarm {
  std::string name{};
  std::string arn{};
  std::optional<std::string> description{};
  // What is watched. `dimensions` are {"Name", "Value"}.
  std::string metric_namespace{};
  std::string metric_name{};
  json::array dimensions{};
  std::string statistic{};
  std::optional<std::int64_t> period{};  // Seconds.
  // When it alarms.
  std::int64_t evaluation_periods{1};
  std::optional<std::int64_t> datapoints_to_alarm{};  // Absent: all periods.
  std::optional<double> threshold{};
  std::string comparison{};
  std::string missing_data{};  // Of TreatMissingData; empty: "missing".
  // What it does.
  bool actions_enabled{true};
  std::vector<std::string> alarm_actions{};
  std::vector<std::string> ok_actions{};
  std::vector<std::string> insufficient_data_actions{};
  // How it is.
  AlarmState state{AlarmState::InsufficientData};
  std::optional<std::string> state_reason{};
  std::optional<std::string> state_reason_data{};
  std::optional<Timestamp> state_updated{};
  std::optional<Timestamp> state_transitioned{};
  std::optional<Timestamp> configuration_updated{};
  json::object unknown{};  // ExtendedStatistic, Unit, Metrics…: kept and shown as they were given.

  static constexpr auto members() {
    return std::tuple{member("AlarmName", &Alarm::name),
                      member("AlarmArn", &Alarm::arn),
                      member("AlarmDescription", &Alarm::description),
                      member("Namespace", &Alarm::metric_namespace),
                      member("MetricName", &Alarm::metric_name),
                      member("Dimensions", &Alarm::dimensions),
                      member("Statistic", &Alarm::statistic),
                      member("Period", &Alarm::period),
                      member("EvaluationPeriods", &Alarm::evaluation_periods),
                      member("DatapointsToAlarm", &Alarm::datapoints_to_alarm),
                      member("Threshold", &Alarm::threshold),
                      member("ComparisonOperator", &Alarm::comparison),
                      member("TreatMissingData", &Alarm::missing_data),
                      member("ActionsEnabled", &Alarm::actions_enabled),
                      member("AlarmActions", &Alarm::alarm_actions),
                      member("OKActions", &Alarm::ok_actions),
                      member("InsufficientDataActions", &Alarm::insufficient_data_actions),
                      member("StateValue", &Alarm::state),
                      member("StateReason", &Alarm::state_reason),
                      member("StateReasonData", &Alarm::state_reason_data),
                      member("StateUpdatedTimestamp", &Alarm::state_updated),
                      member("StateTransitionedTimestamp", &Alarm::state_transitioned),
                      member("AlarmConfigurationUpdatedTimestamp", &Alarm::configuration_updated)};
  }
};

inline Metric metric_of(const Alarm& alarm) {
  return metric_from({{"Namespace", alarm.metric_namespace},
                      {"MetricName", alarm.metric_name},
                      {"Dimensions", alarm.dimensions}});
}
// The actions of a state.
const std::vector<std::string>& actions_of(const Alarm& alarm, AlarmState state);
// As DescribeAlarms shows it, times in seconds.
json::object shown(const Alarm& alarm);

}  // namespace kiban::services::cloudwatch
