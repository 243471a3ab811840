// The entries of the catalogue (types.h says what is in them), grouped as the stacks are.
#pragma once

#include <string_view>

namespace kiban::cfn {

extern const std::string_view network_types;
extern const std::string_view compute_types;
extern const std::string_view data_types;
extern const std::string_view access_types;
extern const std::string_view events_types;
extern const std::string_view stack_types;
extern const std::string_view function_types;

// How tags of what is there change, by service (find_tag_steps).
extern const std::string_view tag_operations;

}  // namespace kiban::cfn
