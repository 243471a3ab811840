// Starts a coroutine whose failure does not end the program.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <exception>

namespace kiban::runtime {

// An exception out of `task` is a bug of kiban: it is printed to stderr, and the program goes on.
template <typename Executor>
void spawn(Executor& executor, boost::asio::awaitable<void> task) {
  boost::asio::co_spawn(executor, std::move(task), [](const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "kiban: a connection failed inside: %s\n", error.what());
    }
  });
}

}  // namespace kiban::runtime
