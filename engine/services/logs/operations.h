// The operations of CloudWatch Logs, each as its page of the API reference says:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::logs {

// groups.cc
Result<json::object> create_group(Context& context, const json::object& input);
Result<json::object> delete_group(Context& context, const json::object& input);
Result<json::object> describe_groups(Context& context, const json::object& input);
Result<json::object> put_retention(Context& context, const json::object& input);
Result<json::object> delete_retention(Context& context, const json::object& input);
Result<json::object> put_protection(Context& context, const json::object& input);
Result<json::object> associate_key(Context& context, const json::object& input);
Result<json::object> disassociate_key(Context& context, const json::object& input);

// tags.cc
Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);
Result<json::object> tag_group(Context& context, const json::object& input);
Result<json::object> untag_group(Context& context, const json::object& input);
Result<json::object> list_tags_of_group(Context& context, const json::object& input);

// streams.cc
Result<json::object> create_stream(Context& context, const json::object& input);
Result<json::object> delete_stream(Context& context, const json::object& input);
Result<json::object> describe_streams(Context& context, const json::object& input);

// events.cc
Result<json::object> put_events(Context& context, const json::object& input);
Result<json::object> get_events(Context& context, const json::object& input);

// search.cc
Result<json::object> filter_events(Context& context, const json::object& input);

// metric_filters.cc
Result<json::object> put_metric_filter(Context& context, const json::object& input);
Result<json::object> describe_metric_filters(Context& context, const json::object& input);
Result<json::object> delete_metric_filter(Context& context, const json::object& input);
Result<json::object> test_metric_filter(Context& context, const json::object& input);

}  // namespace kiban::services::logs
