// Checks an operation's input against the model, with AWS's error names and texts.
#pragma once

#include "api/model.h"
#include "core/json.h"
#include "core/result.h"

namespace kiban::api {

// Kinds, required members, lengths, ranges, enumerations and patterns, all faults in one error:
// "2 validation errors detected: Value '…' at 'name' failed to satisfy constraint: Member must have
// length less than or equal to 80; …". The error's name is the service's: ValidationException,
// ValidationError, InvalidParameterException, … A rule of rules.txt with a text of its own is
// checked once the model's constraints hold, and reported under that text alone.
//
// Rules forbid tags that begin with "aws:". CloudFormation alone sets three such tags on its
// resources (system_tag_keys): with SystemTags::Allowed those keys pass.
// docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
enum class SystemTags { Refused, Allowed };
constexpr std::string_view system_tag_keys[] = {"aws:cloudformation:stack-name",
                                                "aws:cloudformation:logical-id",
                                                "aws:cloudformation:stack-id"};
Result<void> validate(const Service& service, const Operation& operation, const json::object& input,
                      SystemTags system_tags = SystemTags::Refused);

// One member alone, which an error calls `path`.
Result<void> validate(const Service& service, const Member& member, const json::value& value,
                      const std::string& path);

// Does the whole text match a pattern of the models? A pattern that PCRE2 does not read matches.
bool matches(std::string_view pattern, std::string_view text);
bool is_pattern(std::string_view pattern);  // Does PCRE2 read it?
// As Java counts: UTF-16 code units.
std::int64_t utf16_length(std::string_view text);

}  // namespace kiban::api
