// JSON whose numbers keep all their digits. Boost.JSON holds 64-bit integers and doubles; a number
// that these can't hold without loss stays in the tree as its own text, which print_json writes as
// the number that it was. Only what reads with parse_json_exactly can meet such a value, and must
// ask by the functions below instead of is_string() and is_number().
//
// Step Functions reads integers of any length (Jackson's BigInteger). Whether it rounds long
// decimal fractions is published nowhere; here they are not rounded.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace kiban {

// As parse_json otherwise.
Result<json::value> parse_json_exactly(std::string_view text);

// A number that is kept as its text.
bool is_exact_number(const json::value& value);
json::value exact_number(std::string_view digits);        // "-12345678901234567890123"
std::string_view exact_digits(const json::value& value);  // Of one that is_exact_number.

bool is_any_number(const json::value& value);
bool is_text(const json::value& value);      // A string, and no number.
double number_of(const json::value& value);  // The nearest double; 0 of another value.

// Top-level exact numbers as doubles; other values as they are.
json::value rounded(json::value value);

}  // namespace kiban
