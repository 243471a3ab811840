#include "services/logs/service.h"

#include "services/base/checked_service.h"
#include "services/logs/operations.h"
#include "services/logs/purge.h"

namespace kiban::services::logs {
namespace {

// Clients may send these with their defaults: interleaved is ignored by AWS itself, nothing is
// masked, and sequence tokens are "always accepted".
const CheckedTable operations = {
    {"AssociateKmsKey", {associate_key, "logGroupName kmsKeyId resourceIdentifier"}},
    {"CreateLogGroup",
     {create_group, "logGroupName tags kmsKeyId logGroupClass deletionProtectionEnabled"}},
    {"CreateLogStream", {create_stream, "logGroupName logStreamName"}},
    {"DeleteLogGroup", {delete_group, "logGroupName"}},
    {"DeleteLogStream", {delete_stream, "logGroupName logStreamName"}},
    {"DeleteMetricFilter", {delete_metric_filter, "logGroupName filterName"}},
    {"DeleteRetentionPolicy", {delete_retention, "logGroupName"}},
    {"DescribeLogGroups",
     {describe_groups,
      "logGroupNamePrefix logGroupNamePattern nextToken limit includeLinkedAccounts "
      "accountIdentifiers logGroupClass logGroupIdentifiers"}},
    {"DescribeLogStreams",
     {describe_streams,
      "logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending nextToken limit"}},
    {"DescribeMetricFilters",
     {describe_metric_filters,
      "logGroupName filterNamePrefix nextToken limit metricName metricNamespace"}},
    {"DisassociateKmsKey", {disassociate_key, "logGroupName resourceIdentifier"}},
    {"FilterLogEvents",
     {filter_events,
      "logGroupName logGroupIdentifier logStreamNames logStreamNamePrefix startTime endTime "
      "filterPattern nextToken limit interleaved unmask"}},
    {"GetLogEvents",
     {get_events,
      "logGroupName logGroupIdentifier logStreamName startTime endTime nextToken limit "
      "startFromHead unmask"}},
    {"ListTagsForResource", {list_tags, "resourceArn"}},
    {"ListTagsLogGroup", {list_tags_of_group, "logGroupName"}},
    {"PutLogEvents", {put_events, "logGroupName logStreamName logEvents sequenceToken"}},
    {"PutLogGroupDeletionProtection",
     {put_protection, "logGroupIdentifier deletionProtectionEnabled"}},
    {"PutMetricFilter",
     {put_metric_filter,
      "logGroupName filterName filterPattern metricTransformations applyOnTransformedLogs"}},
    {"PutRetentionPolicy", {put_retention, "logGroupName retentionInDays"}},
    {"TagLogGroup", {tag_group, "logGroupName tags"}},
    {"TagResource", {tag_resource, "resourceArn tags"}},
    {"TestMetricFilter", {test_metric_filter, "filterPattern logEventMessages"}},
    {"UntagLogGroup", {untag_group, "logGroupName tags"}},
    {"UntagResource", {untag_resource, "resourceArn tagKeys"}},
};

class Logs : public CheckedService {
 public:
  Logs() : CheckedService("logs", "InvalidParameterException", operations) {}
  void on_timer(Context& context, const json::object& payload) override {
    logs::on_timer(context, payload);
  }
};

}  // namespace

std::unique_ptr<Service> make_logs() { return std::make_unique<Logs>(); }

}  // namespace kiban::services::logs
