#pragma once

#include <string_view>

namespace kiban::cli {

constexpr std::string_view version = "0.1.0";

}  // namespace kiban::cli
