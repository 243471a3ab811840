// A schedule expression in words, for people.
#pragma once

#include <string>
#include <string_view>

namespace kiban::cli {

// "at 17:00, every day" for cron(0 17 * * ? *). The expression must be valid
// (schedule::Expression::parse took it).
std::string schedule_words(std::string_view expression);

}  // namespace kiban::cli
