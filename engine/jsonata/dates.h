// Dates and pictures of them, as in XPath's fn:format-dateTime. All in UTC unless an offset is
// given. www.w3.org/TR/xpath-functions-31/#rules-for-datetime-formatting
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

constexpr std::string_view iso_picture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";
constexpr double milliseconds_max = 8.64e15;  // JavaScript's range of dates.

OrError<std::string> print_date(double milliseconds, std::string_view picture,
                                std::string_view zone);
// nullopt: the text is not of that form.
OrError<std::optional<double>> read_date(std::string_view text, std::string_view picture,
                                         double now);
std::optional<double> read_iso_date(std::string_view text);

}  // namespace kiban::jsonata
