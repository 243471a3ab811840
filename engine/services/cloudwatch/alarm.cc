#include "services/cloudwatch/alarm.h"

#include <utility>

namespace kiban::services::cloudwatch {

const std::vector<std::string>& actions_of(const Alarm& alarm, AlarmState state) {
  switch (state) {
    case AlarmState::Alarm:
      return alarm.alarm_actions;
    case AlarmState::Ok:
      return alarm.ok_actions;
    case AlarmState::InsufficientData:
      return alarm.insufficient_data_actions;
  }
  std::unreachable();
}

json::object shown(const Alarm& alarm) {
  json::object out = print_row(alarm);
  // Members that have their default are shown too.
  out["ActionsEnabled"] = alarm.actions_enabled;
  out["EvaluationPeriods"] = alarm.evaluation_periods;
  out["StateValue"] = name_of(alarm.state);
  out["Dimensions"] = alarm.dimensions;
  out["AlarmActions"] = to_member(alarm.alarm_actions);
  out["OKActions"] = to_member(alarm.ok_actions);
  out["InsufficientDataActions"] = to_member(alarm.insufficient_data_actions);
  for (const auto& [name, time] :
       {std::pair{"StateUpdatedTimestamp", alarm.state_updated},
        {"StateTransitionedTimestamp", alarm.state_transitioned},
        {"AlarmConfigurationUpdatedTimestamp", alarm.configuration_updated}})
    if (time) out[name] = epoch_seconds(*time);
  return out;
}

}  // namespace kiban::services::cloudwatch
