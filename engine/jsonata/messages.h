// The texts behind JSONata's error codes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

// Fills {{token}}, {{value}}, {{index}} and the like of the code's text.
Error make_error(std::string_view code, std::size_t position, std::string token = {},
                 std::optional<json::value> value = {}, std::string_view extra = {});
void fill_message(Error& error, std::string_view extra = {});

}  // namespace kiban::jsonata
