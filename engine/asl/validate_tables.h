// The validator's tables of fields: the states that have a field, its languages and its range.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace kiban::asl::tables {

inline constexpr std::array<std::string_view, 8> types{"Task", "Wait",   "Pass",     "Succeed",
                                                       "Fail", "Choice", "Parallel", "Map"};

// Every field that a state of the type may have, each between spaces.
inline std::string_view fields_of(std::string_view type) {
  static constexpr std::string_view task =
      " Resource Parameters Arguments Credentials ResultSelector ResultPath Retry Catch "
      "TimeoutSeconds TimeoutSecondsPath HeartbeatSeconds HeartbeatSecondsPath InputPath "
      "OutputPath Output Assign Next End ";
  static constexpr std::string_view map =
      " ItemProcessor Iterator ItemsPath Items ItemSelector Parameters ItemReader ItemBatcher "
      "ResultWriter MaxConcurrency MaxConcurrencyPath ToleratedFailureCount "
      "ToleratedFailureCountPath ToleratedFailurePercentage ToleratedFailurePercentagePath Label "
      "ResultSelector ResultPath Retry Catch InputPath OutputPath Output Assign Next End ";
  static constexpr std::pair<std::string_view, std::string_view> table[] = {
      {"Task", task},
      {"Map", map},
      {"Wait",
       " Seconds SecondsPath Timestamp TimestampPath InputPath OutputPath Output Assign Next End "},
      {"Pass", " Result Parameters ResultPath InputPath OutputPath Output Assign Next End "},
      {"Succeed", " InputPath OutputPath Output "},
      {"Fail", " Error ErrorPath Cause CausePath "},
      {"Choice", " Choices Default InputPath OutputPath Output Assign "},
      {"Parallel",
       " Branches Parameters Arguments ResultSelector ResultPath Retry Catch InputPath "
       "OutputPath Output Assign Next End "},
  };
  for (const auto& [name, fields] : table) {
    if (name == type) return fields;
  }
  return {};
}

inline bool listed(std::string_view list, std::string_view word) {
  return list.contains(fmt::format(" {} ", word));
}

inline constexpr std::string_view jsonata_only = " Arguments Output Items Condition ";
inline constexpr std::string_view jsonpath_only =
    " InputPath OutputPath ResultPath Parameters ResultSelector Result ItemsPath SecondsPath "
    "TimestampPath TimeoutSecondsPath HeartbeatSecondsPath MaxConcurrencyPath "
    "ToleratedFailureCountPath ToleratedFailurePercentagePath ErrorPath CausePath "
    "MaxItemsPerBatchPath MaxInputBytesPerBatchPath MaxItemsPath Variable ";

// Reported: only ItemsPath may read the context object.
inline constexpr std::string_view map_numbers =
    " MaxConcurrencyPath ToleratedFailureCountPath ToleratedFailurePercentagePath "
    "MaxItemsPerBatchPath MaxInputBytesPerBatchPath MaxItemsPath ";

struct Range {
  std::string_view name{};
  double least{0};
  double most{0};  // 0: none.
};
inline constexpr Range ranges[] = {
    {"TimeoutSeconds", 1, 99'999'999},
    {"HeartbeatSeconds", 1, 99'999'999},
    {"MaxConcurrency", 0, 0},
    {"ToleratedFailureCount", 0, 0},
    {"ToleratedFailurePercentage", 0, 100},
    {"MaxItems", 0, 100'000'000},
    {"MaxItemsPerBatch", 0, 0},
    {"MaxInputBytesPerBatch", 0, 262'144},  // "up to 256 KiB": input-output-itembatcher.html
};
inline constexpr Range wait_ranges[] = {{"Seconds", 0, 99'999'999}};
// Measured: IntervalSeconds may be 0.
inline constexpr Range retry_ranges[] = {{"IntervalSeconds", 0, 99'999'999},
                                         {"MaxAttempts", 0, 99'999'999},
                                         {"BackoffRate", 1, 0},
                                         {"MaxDelaySeconds", 1, 31'622'400}};

// Measured, in AWS's order.
inline constexpr std::string_view comparisons[] = {"StringEquals",
                                                   "StringEqualsPath",
                                                   "StringLessThan",
                                                   "StringLessThanPath",
                                                   "StringGreaterThan",
                                                   "StringGreaterThanPath",
                                                   "StringLessThanEquals",
                                                   "StringLessThanEqualsPath",
                                                   "StringGreaterThanEquals",
                                                   "StringGreaterThanEqualsPath",
                                                   "StringMatches",
                                                   "NumericEquals",
                                                   "NumericEqualsPath",
                                                   "NumericLessThan",
                                                   "NumericLessThanPath",
                                                   "NumericGreaterThan",
                                                   "NumericGreaterThanPath",
                                                   "NumericLessThanEquals",
                                                   "NumericLessThanEqualsPath",
                                                   "NumericGreaterThanEquals",
                                                   "NumericGreaterThanEqualsPath",
                                                   "BooleanEquals",
                                                   "BooleanEqualsPath",
                                                   "TimestampEquals",
                                                   "TimestampEqualsPath",
                                                   "TimestampLessThan",
                                                   "TimestampLessThanPath",
                                                   "TimestampGreaterThan",
                                                   "TimestampGreaterThanPath",
                                                   "TimestampLessThanEquals",
                                                   "TimestampLessThanEqualsPath",
                                                   "TimestampGreaterThanEquals",
                                                   "TimestampGreaterThanEqualsPath",
                                                   "IsNull",
                                                   "IsPresent",
                                                   "IsNumeric",
                                                   "IsString",
                                                   "IsBoolean",
                                                   "IsTimestamp"};

}  // namespace kiban::asl::tables
