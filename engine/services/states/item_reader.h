// The items of a distributed Map in an object's bytes.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace kiban::services::states {

// By InputType (JSON, JSONL, CSV), CSVHeaderLocation, CSVHeaders, CSVDelimiter and ItemsPointer of
// a ReaderConfig. An array, or an object whose entries are the items. Error
// States.ItemReaderFailed, also for more than 10,000,000 values, our own bound.
Result<json::value> parse_items(std::string_view bytes, const json::object& config);

// Gzip or Zstandard taken off bytes that have it, whatever their name; other bytes as they are.
// Error States.ItemReaderFailed for what is broken or unpacks to more than a gibibyte, our own
// bound.
Result<std::string> unpack(std::string bytes);

// The records of a CSV text: fields may be quoted, empty lines are none.
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text, char delimiter);

}  // namespace kiban::services::states
