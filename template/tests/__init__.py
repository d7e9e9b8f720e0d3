"""The service's tests. Those in `cors/` are managed by the template; everything else is yours."""
