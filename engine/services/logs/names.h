// Rows of CloudWatch Logs and how they are found; '\x1f' stands between the parts of a name.
//
//   logs/REGION/group/GROUP         Created (ms), Tags, RetentionInDays, KmsKeyId, Class, Protected
//   logs/REGION/stream/GROUP|STREAM         Created, Events, first- and lastEventTimestamp
//   logs/REGION/latest/GROUP|TIME|STREAM    streams by lastEventTimestamp, the latest first: TIME
//   is
//                                   latest_time_max less it. Complete for groups with Latest: a
//                                   group that was made before the index is not
//   logs/REGION/filter/GROUP|FILTER         as PutMetricFilter got it, and creationTime
//   logs/REGION/event/GROUP|STREAM|TIMESTAMP SEQUENCE   15 and 20 digits: by time, then as ingested
//   logs/REGION/purge/...           see purge.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::logs {

constexpr char separator = '\x1f';

std::string group_key(const Context& context, std::string_view group);
std::string stream_key(const Context& context, std::string_view group, std::string_view stream);
// Of the stream's row in the order of times; `last` in milliseconds, 0 without an event.
std::string latest_key(const Context& context, std::string_view group, std::int64_t last,
                       std::string_view stream);
std::string filter_key(const Context& context, std::string_view group, std::string_view filter);
std::string event_prefix(const Context& context, std::string_view group, std::string_view stream);
std::string group_arn(const Context& context, std::string_view group);

// The group that logGroupName or logGroupIdentifier means, by name or by either form of its ARN.
// Errors: InvalidParameterException when there is none, ResourceNotFoundException for the ARN of
// another account or region.
Result<std::string> group_of(const Context& context, const json::object& input);
Result<std::string> group_of_arn(const Context& context, std::string_view arn);

// Errors: ResourceNotFoundException.
Result<json::object> load_group(const Context& context, std::string_view group);
Result<json::object> load_stream(const Context& context, std::string_view group,
                                 std::string_view stream);

void erase_rows(Context& context, std::string_view prefix);
std::int64_t milliseconds(Timestamp time);
std::unexpected<Error> invalid(std::string cause);  // InvalidParameterException

}  // namespace kiban::services::logs
