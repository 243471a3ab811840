// Scalars between trees and text, for the protocols that carry everything as text. Private to api/.
#pragma once

#include <string>
#include <string_view>

#include "api/model.h"
#include "core/json.h"
#include "core/result.h"

namespace kiban::api {

// The format that applies to a timestamp member: its own, its shape's, or `fallback`.
TimestampFormat timestamp_format(const Service& service, const Member& member,
                                 TimestampFormat fallback);

// A scalar from text, as the tree carries it. Errors `SerializationException`.
Result<json::value> read_scalar(const Service& service, const Member& member, std::string_view text,
                                TimestampFormat fallback);
// A scalar of the tree as text. What has the wrong kind for the shape is our own service's mistake
// and is printed as it is.
std::string print_scalar(const Service& service, const Member& member, const json::value& value,
                         TimestampFormat fallback);

// 2026-11-24T02:55:09.140Z; seconds since 1970; Tue, 24 Nov 2026 02:55:09 GMT.
Result<json::value> read_timestamp(std::string_view text, TimestampFormat format);
std::string print_timestamp(double seconds, TimestampFormat format);
double number_of(const json::value& value);

std::string escape_xml(std::string_view text);

}  // namespace kiban::api
