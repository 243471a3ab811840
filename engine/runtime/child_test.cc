#include "runtime/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;

// What `script` prints, and its exit code; -1 when it was still running after `limit`.
std::pair<std::string, int> run_shell(const std::string& script, std::string directory = {},
                                      Session session = Session::Inherited,
                                      std::chrono::milliseconds limit = 10s,
                                      FileLimit file_limit = FileLimit::IsASignal) {
  ::signal(SIGPIPE, SIG_IGN);  // As the engine does: a child may end before it reads its input.
  auto in = make_pipe();
  auto out = make_pipe();
  const auto pid = spawn_child({.arguments = {"sh", "-c", script},
                                .environment = {"PATH=/usr/bin:/bin", "GIVEN=here"},
                                .directory = std::move(directory),
                                .input = in->read.number(),
                                .output = out->write.number(),
                                .session = session,
                                .file_limit = file_limit});
  EXPECT_TRUE(pid) << (pid ? "" : pid.error().cause);
  in->read.close();
  out->write.close();
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  std::string output = exchange_with_child(*in, *out, "line of input\n", deadline);
  const auto status = wait_for_child(*pid, deadline);
  return {output, status ? exit_code_of(*status) : -1};
}

TEST(Child, GetsTheGivenDescriptorsAndNoOthers) {
  const int inherited = ::open("/dev/null", O_RDONLY);  // Without O_CLOEXEC, like a Beast socket.
  ASSERT_GT(inherited, 2);
  // The glob opens a descriptor of its own while it is read.
  const auto [output, code] = run_shell(
      "for f in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$f ] && "
      "echo $f; done; [ -e /proc/$$/fd/" +
      std::to_string(inherited) + " ] && echo inherited; exit 4");
  ::close(inherited);
  EXPECT_EQ(output, "0\n1\n2\n");
  EXPECT_EQ(code, 4);
}

TEST(Child, FindsOutThatAFileIsFullAsAskedFor) {
  ::signal(SIGXFSZ, SIG_IGN);  // As `kiban serve` does.
  const std::string file = "/tmp/kiban-limit-" + std::to_string(::getpid());
  const std::string script = "ulimit -f 1; head -c 9999 /dev/zero >" + file + "; echo $?";
  const auto ended_by_signal = [](const std::string& said) { return said.ends_with("153\n"); };
  EXPECT_TRUE(ended_by_signal(run_shell(script, "/").first));  // 128 and SIGXFSZ.
  EXPECT_FALSE(
      ended_by_signal(run_shell(script, "/", Session::Inherited, 10s, FileLimit::IsAnError).first));
  ::signal(SIGXFSZ, SIG_DFL);
  ::unlink(file.c_str());
}

TEST(Child, GetsInputDirectoryAndEnvironmentAndHasASessionWhenAsked) {
  EXPECT_EQ(run_shell("read line; echo $line; pwd; echo $GIVEN$HOME", "/usr").first,
            "line of input\n/usr\nhere\n");
  const std::string is_leader = "set -- $(cat /proc/$$/stat); [ $6 = $$ ] && echo leader";
  EXPECT_EQ(run_shell(is_leader, "/", Session::Own).first, "leader\n");
  EXPECT_EQ(run_shell(is_leader).first, "");
}

TEST(Child, StartsWithDefaultSignalsAndAnEmptyMask) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto [output, code] = run_shell("grep SigBlk /proc/self/status; kill -PIPE $$; echo alive");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(output, "SigBlk:\t0000000000000000\n");
  EXPECT_EQ(code, 128 + SIGPIPE);
}

TEST(Child, IsKilledAtTheDeadline) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(run_shell("echo begun; exec sleep 60", {}, Session::Inherited, 200ms).second, -1);
  // A child that leaves its output open to a child of its own does not delay the caller either.
  EXPECT_EQ(run_shell("sleep 5 & exit 0", {}, Session::Inherited, 200ms).second, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
}

TEST(Child, ThatCannotBeStartedIsAnError) {
  const auto pid = spawn_child({.arguments = {"/nowhere/program"}});
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().name, "ProgramFailed");
  EXPECT_EQ(pid.error().cause, "/nowhere/program: No such file or directory");
}

}  // namespace
}  // namespace kiban::runtime
