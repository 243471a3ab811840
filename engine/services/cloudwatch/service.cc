#include "services/cloudwatch/service.h"

#include "services/base/checked_service.h"
#include "services/cloudwatch/alarm_history.h"
#include "services/cloudwatch/alarms.h"
#include "services/cloudwatch/operations.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::string_view evaluate_alarm = "kiban:EvaluateAlarm";

// PutMetricAlarm names what it honours itself: its refusals depend on each other.
const CheckedTable operations = {
    {evaluate_alarm,
     {[](Context& context, const json::object& input) -> Result<json::object> {
        evaluate_timer(context, input);
        return json::object{};
      },
      "Alarm Region Account"}},
    {"DeleteAlarms", {delete_alarms, "AlarmNames"}},
    {"DeleteDashboards", {delete_dashboards, "DashboardNames"}},
    {"DescribeAlarmHistory",
     {describe_alarm_history,
      "AlarmName AlarmTypes HistoryItemType StartDate EndDate MaxRecords NextToken ScanBy"}},
    {"DescribeAlarms",
     {describe_alarms,
      "AlarmNames AlarmNamePrefix AlarmTypes ChildrenOfAlarmName ParentsOfAlarmName StateValue "
      "ActionPrefix MaxRecords NextToken"}},
    {"DescribeAlarmsForMetric",
     {describe_alarms_for_metric,
      "MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit"}},
    {"DisableAlarmActions", {disable_actions, "AlarmNames"}},
    {"EnableAlarmActions", {enable_actions, "AlarmNames"}},
    {"GetDashboard", {get_dashboard, "DashboardName"}},
    {"GetMetricData",
     {get_metric_data,
      "MetricDataQueries StartTime EndTime NextToken ScanBy MaxDatapoints LabelOptions"}},
    {"GetMetricStatistics",
     {get_metric_statistics,
      "Namespace MetricName Dimensions StartTime EndTime Period Statistics ExtendedStatistics "
      "Unit"}},
    {"ListDashboards", {list_dashboards, "DashboardNamePrefix NextToken"}},
    {"ListMetrics",
     {list_metrics_page,
      "Namespace MetricName Dimensions NextToken RecentlyActive IncludeLinkedAccounts "
      "OwningAccount"}},
    {"ListTagsForResource", {list_tags, "ResourceARN"}},
    {"PutDashboard", {put_dashboard, "DashboardName DashboardBody Tags"}},
    {"PutMetricAlarm",
     {put_alarm,
      "AlarmName AlarmDescription ActionsEnabled OKActions AlarmActions InsufficientDataActions "
      "MetricName Namespace Statistic ExtendedStatistic Dimensions Period Unit EvaluationPeriods "
      "DatapointsToAlarm Threshold ComparisonOperator TreatMissingData "
      "EvaluateLowSampleCountPercentile Metrics Tags ThresholdMetricId EvaluationCriteria "
      "EvaluationInterval"}},
    {"PutMetricData", {put_metric_data, "Namespace MetricData"}},
    {"SetAlarmState", {set_alarm_state, "AlarmName StateValue StateReason StateReasonData"}},
    {"TagResource", {tag_resource, "ResourceARN Tags"}},
    {"UntagResource", {untag_resource, "ResourceARN TagKeys"}},
};

class CloudWatch : public CheckedService {
 public:
  CloudWatch() : CheckedService("cloudwatch", "InvalidParameterValue", operations) {}
  // As an operation of the alarm's own region; no model has it, so the wire cannot reach it.
  void on_timer(Context& context, const json::object& payload) override {
    const Caller self{.account = text(payload, "Account"),
                      .region = text(payload, "Region"),
                      .arn = "cloudwatch.amazonaws.com"};
    (void)context.call("cloudwatch", evaluate_alarm, payload, self);
  }
  bool keeps_metrics() const override { return true; }
  void on_metric(Context& context, const MetricSum& sum) override { put_metric_sum(context, sum); }
};

}  // namespace

std::unique_ptr<Service> make_cloudwatch() { return std::make_unique<CloudWatch>(); }

}  // namespace kiban::services::cloudwatch
