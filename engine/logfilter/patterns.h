// The four syntaxes; each reads a whole pattern, without spaces around it.
#pragma once

#include <memory>
#include <string_view>

#include "logfilter/filter.h"

namespace kiban::logfilter {

constexpr std::size_t regexes_max = 2;  // Of one pattern.

// nullptr: not such a pattern.
std::unique_ptr<Pattern> parse_terms(std::string_view pattern);
std::unique_ptr<Pattern> parse_json_pattern(std::string_view pattern);
std::unique_ptr<Pattern> parse_delimited(std::string_view pattern);

}  // namespace kiban::logfilter
