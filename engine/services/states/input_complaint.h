// What AWS says of an execution input that is no JSON: its parser is Jackson, and its words get
// out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiban::services::states {

// Of text that is no JSON; nullopt where AWS's words are not recorded.
std::optional<std::string> input_complaint(std::string_view text);

}  // namespace kiban::services::states
