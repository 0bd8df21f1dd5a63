#!/bin/sh
# What `docker run` does with standard input: without -i the container has none.
case " $* " in
  *" -i "*) exec "$LANPORT_TEST_NODE" "$LANPORT_TEST_SERVER" ;;
  *) exec "$LANPORT_TEST_NODE" "$LANPORT_TEST_SERVER" < /dev/null ;;
esac
