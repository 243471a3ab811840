// The rules behind validate(): every one of them is AWS's.
#pragma once

#include <vector>

#include "asl/validate.h"

namespace kiban::asl {

std::vector<Diagnostic> check_machine(const json::object& definition, MachineType type,
                                      const Answers& answer);

}  // namespace kiban::asl
