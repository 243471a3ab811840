// Errors as data: what input or the world can cause is a Result, a broken invariant of ours is a
// KIBAN_CHECK.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace kiban {

// An error as AWS names it. `name` is AWS's own code (States.Timeout, ValidationException); `cause`
// gives the fault, the value seen and a valid value.
struct Error {
  std::string name{};
  std::string cause{};
  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string name, std::string cause) {
  return std::unexpected(Error{std::move(name), std::move(cause)});
}

// Prints the failed expression with its place and aborts. Never reached by user input.
[[noreturn]] void check_failed(const char* file, int line, const char* expression,
                               const std::string& message);

}  // namespace kiban

#define KIBAN_CONCAT_INNER(a, b) a##b
#define KIBAN_CONCAT(a, b) KIBAN_CONCAT_INNER(a, b)

// KIBAN_TRY(const Plan plan, make_plan(text)); declares `plan`, or returns the Error.
#define KIBAN_TRY(declaration, ...)                                                   \
  auto KIBAN_CONCAT(kiban_result_, __LINE__) = (__VA_ARGS__);                         \
  if (!KIBAN_CONCAT(kiban_result_, __LINE__))                                         \
    return std::unexpected(std::move(KIBAN_CONCAT(kiban_result_, __LINE__)).error()); \
  declaration = *std::move(KIBAN_CONCAT(kiban_result_, __LINE__))

// KIBAN_TRY_VOID(validate(plan)); returns the Error of a Result<void>, or goes on.
#define KIBAN_TRY_VOID(...)                                                     \
  do {                                                                          \
    auto kiban_result = (__VA_ARGS__);                                          \
    if (!kiban_result) return std::unexpected(std::move(kiban_result).error()); \
  } while (false)

#define KIBAN_CO_TRY(declaration, ...)                                                   \
  auto KIBAN_CONCAT(kiban_result_, __LINE__) = (__VA_ARGS__);                            \
  if (!KIBAN_CONCAT(kiban_result_, __LINE__))                                            \
    co_return std::unexpected(std::move(KIBAN_CONCAT(kiban_result_, __LINE__)).error()); \
  declaration = *std::move(KIBAN_CONCAT(kiban_result_, __LINE__))

#define KIBAN_CHECK(condition, message)                                               \
  do {                                                                                \
    if (!(condition)) ::kiban::check_failed(__FILE__, __LINE__, #condition, message); \
  } while (false)
