"""ml-connector: approved invoices become posted bills, exactly once."""
