// What AWS's validator says of a definition: the diagnostics of ValidateStateMachineDefinition and
// the text with which CreateStateMachine refuses.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "asl/interpreter.h"

namespace kiban::asl {

enum class Severity : std::uint8_t { Error, Warning };

constexpr std::string_view not_served = "KIBAN_NOT_SERVED";

struct Diagnostic {
  Severity severity{Severity::Error};
  std::string code{"SCHEMA_VALIDATION_FAILED"};
  std::string message{};
  std::string location{};  // /States/Name/Field; empty: none.
  bool operator==(const Diagnostic&) const = default;
};

// Whether the server has an integration. A definition with an integration that only AWS has is
// accepted with a warning of our own, KIBAN_NOT_SERVED; one with an operation that AWS does not
// have either is refused as by AWS.
enum class Answer : std::uint8_t { Served, NotServed, NoSuchOperation };
using Answers = std::function<Answer(const TaskResource&)>;

// Empty when the definition is good. A definition without an Error compiles.
std::vector<Diagnostic> validate(std::string_view definition, MachineType type,
                                 const Answers& answer = {});

// "Invalid State Machine Definition: 'CODE: message at location, …'" of the errors among them;
// nullopt when there are none.
std::optional<std::string> refusal(const std::vector<Diagnostic>& diagnostics);

}  // namespace kiban::asl
