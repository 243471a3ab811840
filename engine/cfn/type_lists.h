// The entries of the catalogue (types.h says what is in them), grouped as the stacks are.
#pragma once

#include <string_view>

namespace kiban::cfn {

extern const std::string_view network_types;
extern const std::string_view compute_types;
extern const std::string_view data_types;
extern const std::string_view access_types;

}  // namespace kiban::cfn
